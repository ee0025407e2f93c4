"""Made sentences whose words have tags with a long tail.

Each of the rare tags has words of its own; but a frequent tag uses them too, one time in eight, and
is so much more frequent that such a word is more often of the frequent tag. Whoever goes by
probabilities never predicts the rare one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

PAIRS = 4
TAGS = 2 * PAIRS
"""The first half are frequent, and each shares the words of the rare one PAIRS above it."""
WORDS_OF_TAG = 5
VOCABULARY = 1 + TAGS * WORDS_OF_TAG
"""Word 0 pads."""
IGNORED = -100
"""The label of padding: what both Hugging Face and topkloss leave out."""

SHARED = 1 / 8
RARE = 1 / 30


@dataclass(frozen=True)
class Sentence:
    """Words and their tags, int64 of the same length."""

    words: Tensor
    tags: Tensor


def draw(count: int, seed: int) -> list[Sentence]:
    """So many sentences of 3 to 24 words, the same for the same seed."""
    rng = np.random.default_rng(seed)
    sentences = []
    for length in rng.integers(3, 25, count):
        pairs = rng.integers(PAIRS, size=length)
        tags = pairs + PAIRS * (rng.random(length) < RARE)
        wordy = np.where(rng.random(length) < SHARED, pairs + PAIRS, tags)
        words = 1 + wordy * WORDS_OF_TAG + rng.integers(WORDS_OF_TAG, size=length)
        sentences.append(Sentence(torch.from_numpy(words), torch.from_numpy(tags)))
    return sentences


def counts_of(sentences: list[Sentence]) -> Tensor:
    """The number of words of each tag."""
    return torch.bincount(torch.cat([each.tags for each in sentences]), minlength=TAGS)


def collate(batch: list[Sentence]) -> dict[str, Tensor]:
    """What a model takes: sentences padded to the longest."""

    def padded(parts: list[Tensor], value: int) -> Tensor:
        return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=value)

    words = padded([each.words for each in batch], 0)
    labels = padded([each.tags for each in batch], IGNORED)
    return {"input_ids": words, "attention_mask": (words != 0).long(), "labels": labels}

"""The batches: random rows as of an untrained model, and rows in which a few classes stand out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Matrix = npt.NDArray[Any]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = {"float32": np.dtype(np.float32), "bfloat16": BFLOAT16}

UNTRAINED = "untrained"
TRAINED = "trained"
CONFIDENT = "confident"

# Of a trained-like row, how many rivals stand out with the label: more than the K = 5 of the top-K
# losses, so that rank K + 1 is among them; of a confident one fewer, so that it is among the rest.
RIVALS = {TRAINED: 9, CONFIDENT: 3}


@dataclass(frozen=True, order=True)
class Size:
    """A number of rows and of classes."""

    rows: int
    classes: int

    def __str__(self) -> str:
        return f"{self.rows}x{self.classes}"

    @property
    def elements(self) -> int:
        """How many logits there are."""
        return self.rows * self.classes


SIZES = (
    Size(256, 100),
    Size(256, 1000),
    Size(128, 10_000),
    Size(64, 100_000),
    Size(8, 1_000_000),
)


@dataclass(frozen=True)
class Problem:
    """One batch, the same in every process.

    Attributes:
        size: Rows and classes.
        rows: ``"untrained"``: logits are independent and normal. ``"trained"``: the label and nine
            rivals stand out. ``"confident"``: the label and three do.
        dtype: Of the logits.
        cosines: Whether logits are in [-1, 1], as those of a normalised last layer.
    """

    size: Size
    rows: str = UNTRAINED
    dtype: str = "float32"
    cosines: bool = False

    @cached_property
    def counts(self) -> npt.NDArray[np.float64]:
        """A long tail of training examples, from 5000 down to 1, in no particular order."""
        rng = np.random.default_rng(21)
        return rng.permutation(np.ceil(5000 / (1 + np.arange(self.size.classes))))

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        """One class a row."""
        return np.random.default_rng(22).integers(self.size.classes, size=self.size.rows)

    @cached_property
    def logits(self) -> Matrix:
        """The scores, of shape (B, C)."""
        rng = np.random.default_rng(20)
        shape = (self.size.rows, self.size.classes)
        if self.cosines:
            scores = rng.uniform(-1, 1, shape).astype(np.float32)
        else:
            scores = rng.standard_normal(shape, dtype=np.float32)
        if self.rows != UNTRAINED:
            self._raise(scores, rng)
        return scores.astype(DTYPES[self.dtype], copy=False)

    @cached_property
    def second(self) -> Matrix:
        """The scores of a second head."""
        rng = np.random.default_rng(23)
        shape = (self.size.rows, self.size.classes)
        scores = 2 * rng.standard_normal(shape, dtype=np.float32) - 2
        return scores.astype(DTYPES[self.dtype], copy=False)

    def _raise(self, scores: FloatArray, rng: np.random.Generator) -> None:
        """Lifts the label by 12 and the rivals by 7 to 11 over noise of standard deviation 1."""
        rows, classes = scores.shape
        each = np.arange(rows)[:, None]
        number = min(RIVALS[self.rows], classes // 2)
        rivals = rng.integers(classes, size=(rows, number))
        scores[each, rivals] = rng.uniform(7, 11, (rows, number))
        scores[each, self.labels[:, None]] = 12

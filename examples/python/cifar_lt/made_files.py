"""Small files in CIFAR's format, to see the program run where CIFAR is not at hand.

A class is a pattern of soft spots, the same from left to right since pictures are flipped; its
pictures are that pattern, paler or stronger, under noise. Nothing about CIFAR follows from them.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from cifar_files import CHANNELS, SIDE
from formats import FORMATS, Format
from numpy.typing import NDArray

GRID = 4
"""Spots of a pattern in each direction."""


class _Python2Pickler(pickle._Pickler):
    """Writes text and bytes as Python 2 did, in the one kind of string that it had."""

    def _save_string(self, value: str | bytes) -> None:
        data = value if isinstance(value, bytes) else value.encode("latin1")
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)  # type: ignore[attr-defined]

    dispatch: ClassVar[dict[type, Any]] = {
        **pickle._Pickler.dispatch,
        str: _save_string,
        bytes: _save_string,
    }


def write(folder: Path, data_set: str, rows: int, test_rows: int, seed: int) -> None:
    """Write a data set with so many pictures of each class.

    Args:
        folder: Receives the data set's own folder.
        data_set: "cifar10" or "cifar100".
        rows: Pictures of each class to train on.
        test_rows: Pictures of each class for the test.
        seed: The same for the same.
    """
    each = FORMATS[data_set]
    rng = np.random.default_rng(seed)
    spots = rng.uniform(0, 255, (each.classes, CHANNELS, GRID, GRID // 2))
    halves = spots.repeat(SIDE // GRID, axis=2).repeat(SIDE // GRID, axis=3)
    patterns = np.concatenate([halves, halves[..., ::-1]], axis=3).reshape(each.classes, -1)
    (folder / each.folder).mkdir(parents=True, exist_ok=True)
    labels = rng.permutation(np.repeat(np.arange(each.classes), rows))
    parts = np.array_split(labels, len(each.training))
    for name, part in zip(each.training, parts, strict=True):
        _write_file(folder / each.folder / name, part, patterns, each, rng)
    test_labels = rng.permutation(np.repeat(np.arange(each.classes), test_rows))
    _write_file(folder / each.folder / each.test, test_labels, patterns, each, rng)


def _write_file(
    path: Path,
    labels: NDArray[np.int64],
    patterns: NDArray[np.float64],
    each: Format,
    rng: np.random.Generator,
) -> None:
    strength = rng.uniform(0.4, 1, (len(labels), 1))
    noise = rng.normal(0, 40, (len(labels), patterns.shape[1]))
    values = 128 + strength * (patterns[labels] - 128) + noise
    content: dict[str, str | Sequence[int] | Sequence[str] | NDArray[np.uint8]] = {
        "batch_label": path.name,
        each.labels: labels.tolist(),
        "data": np.clip(values, 0, 255).astype(np.uint8),
        "filenames": [f"made_{number}.png" for number in range(len(labels))],
    }
    if each.labels == "fine_labels":
        content["coarse_labels"] = (labels // 5).tolist()
    with path.open("wb") as file:
        _Python2Pickler(file, protocol=2).dump(content)

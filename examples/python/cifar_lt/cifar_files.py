"""The files of CIFAR-10 and CIFAR-100, "python version", as https://www.cs.toronto.edu/~kriz/cifar.html has them.

A file is a pickle of Python 2: a dictionary with the pictures of a batch, uint8 of shape (N, 3072),
red, green and blue one after another, each by rows, and the list of their labels.
"""

from __future__ import annotations

import importlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from formats import FORMATS, Format
from numpy.typing import NDArray

CHANNELS, SIDE = 3, 32
PIXELS = CHANNELS * SIDE * SIDE


class DataError(Exception):
    """The data are not there, or not what they should be. The text is for the person who runs this."""


@dataclass(frozen=True)
class Pictures:
    """N pictures.

    Attributes:
        images: uint8, of shape (N, 3, 32, 32).
        labels: int64 in [0, C), of shape (N,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


class _Bytes:
    """Stands for the data type of the pictures, the only one: NumPy's own believes any state."""

    __slots__ = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        # After its version: no order of bytes, no parts, no size of its own, no flags.
        if not set(state[1:]) <= {"|", None, -1, 0}:
            raise pickle.UnpicklingError(f"{state} is no state of unsigned bytes")


class _Array:
    """Stands for an array while a file is read."""

    __slots__ = ("values",)
    values: NDArray[np.uint8]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, data_type, by_columns, data = state
        if not isinstance(data_type, _Bytes):
            raise pickle.UnpicklingError(f"an array of {data_type}")
        # Python 2 had one kind of string for both.
        flat = np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, np.uint8)
        self.values = flat.reshape(shape, order="F" if by_columns else "C").copy()


class _ArraysAlone(pickle.Unpickler):
    """A pickle can name any function to be called; these files need arrays of bytes and no more."""

    def find_class(self, module: str, name: str) -> Any:
        """What a file may name, by whatever module of NumPy's, which have moved since Python 2."""
        # Nothing here can be given attributes by a file, which classes and functions can.
        named = {"ndarray": name, "dtype": self._data_type, "_reconstruct": self._array}
        if module.partition(".")[0] == "numpy" and name in named:
            return named[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of CIFAR")

    def _data_type(self, code: str, *_: object) -> _Bytes:
        if code not in ("u1", "|u1"):
            raise pickle.UnpicklingError(f"the data type {code!r} has no place in a file of CIFAR")
        return _Bytes()

    def _array(self, *_: object) -> _Array:
        return _Array()


def read(folder: Path, data_set: str) -> tuple[Pictures, Pictures]:
    """The pictures to train on, and those of the test.

    Args:
        folder: Where the data set's own folder is: torchvision's `root`.
        data_set: "cifar10" or "cifar100".

    Raises:
        DataError: A file is missing, or is not of this format.
    """
    each = FORMATS[data_set]
    batches = [_read_file(folder / each.folder / name, each) for name in each.training]
    training = Pictures(
        np.concatenate([batch.images for batch in batches]),
        np.concatenate([batch.labels for batch in batches]),
    )
    return training, _read_file(folder / each.folder / each.test, each)


def _read_file(path: Path, each: Format) -> Pictures:
    try:
        with path.open("rb") as file:
            content = _ArraysAlone(file, encoding="latin1").load()
    except FileNotFoundError as error:
        raise DataError(f"There is no {path}: --download, or --made, or another --data") from error
    # What a damaged pickle raises has no limit.
    except Exception as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    try:
        data, labels = content["data"].values, content[each.labels]
        well_formed = (
            isinstance(labels, list)
            and data.shape == (len(labels), PIXELS)
            and all(type(label) is int and 0 <= label < each.classes for label in labels)
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no file of {each.downloader}: {error!r}") from error
    if not well_formed:
        raise DataError(
            f"{path} is no file of {each.downloader}: shapes, types or labels are wrong"
        )
    return Pictures(data.reshape(-1, CHANNELS, SIDE, SIDE), np.array(labels, np.int64))


def download(folder: Path, data_set: str) -> None:
    """Let torchvision fetch the data set, where its files are not there yet.

    Raises:
        DataError: torchvision is not installed, or could not do it.
    """
    try:
        datasets = importlib.import_module("torchvision.datasets")
    except ModuleNotFoundError as error:
        raise DataError("--download needs torchvision, which is not installed") from error
    try:
        getattr(datasets, FORMATS[data_set].downloader)(root=str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(f"torchvision could not download {data_set}: {error}") from error

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


class _ArraysAlone(pickle.Unpickler):
    """A pickle can name any function to be called; these files need NumPy's arrays and no more."""

    def find_class(self, module: str, name: str) -> Any:
        """What a file may name, by whatever module of NumPy's, which have moved since Python 2."""
        if module == "numpy" or module.startswith("numpy."):
            # An array says itself what puts arrays together again.
            allowed = {
                "ndarray": np.ndarray,
                "dtype": np.dtype,
                "_reconstruct": np.empty(0).__reduce__()[0],
            }
            if name in allowed:
                return allowed[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of CIFAR")


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
        data, labels = content["data"], np.asarray(content[each.labels])
        well_formed = (
            data.dtype == np.uint8
            and data.shape == (len(labels), PIXELS)
            and np.issubdtype(labels.dtype, np.integer)
            and 0 <= labels.min() <= labels.max() < each.classes
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no file of {each.downloader}: {error!r}") from error
    if not well_formed:
        raise DataError(
            f"{path} is no file of {each.downloader}: shapes, types or labels are wrong"
        )
    return Pictures(data.reshape(-1, CHANNELS, SIDE, SIDE), labels.astype(np.int64))


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

"""Finds and loads the shared library, and turns its statuses into exceptions."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from topkloss import _abi
from topkloss.errors import TopKLossError


def _path() -> str:
    """The library's file: what TOPKLOSS_LIBRARY names, else the one inside the package."""
    named = os.environ.get("TOPKLOSS_LIBRARY")
    if named:
        return named
    packaged = Path(__file__).with_name("libtopkloss.so")
    if not packaged.exists():
        raise ImportError(
            f"topkloss was installed without its library ({packaged}): install it with pip, or "
            "name a built libtopkloss.so in the environment variable TOPKLOSS_LIBRARY"
        )
    return str(packaged)


def declare(path: str, prototypes: dict[str, _abi.Prototype]) -> ctypes.CDLL:
    """Loads a file and declares prototypes on it. Calls release the interpreter lock."""
    try:
        loaded = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"topkloss cannot load its library: {error}") from error
    try:
        for name, (result, arguments) in prototypes.items():
            function = getattr(loaded, name)
            function.restype = result
            function.argtypes = arguments
    except AttributeError as error:
        raise ImportError(f"topkloss cannot use {path}: {error}") from error
    return loaded


def _load(path: str) -> ctypes.CDLL:
    loaded = declare(path, _abi.PROTOTYPES)
    version = loaded.topkloss_abi_version()
    if version != _abi.TOPKLOSS_ABI_VERSION:
        raise ImportError(
            f"topkloss cannot use {path}: its ABI version is {version}, "
            f"this package was written for {_abi.TOPKLOSS_ABI_VERSION}"
        )
    return loaded


library = _load(_path())


# What the library's messages name otherwise than Python: members of structs are arguments here.
_NAMES = (
    (r"\bbatch\.classes\b", "the number of classes"),
    (r"\boptions\.classes\b", "the options' number of classes"),
    (r"\bresult\.gradient\b", "out"),
    (r"\bresult\.multi_label_gradient\b", "multi_label_out"),
    (r"\bthreshold\.(?:value|class_values)\b", "threshold"),
    (r"\bthreshold\.classes\b", "the threshold's number of classes"),
    (r"\b(?:batch\.)?soft_labels\b", "labels"),
    (r"\b(?:batch|launch|options|result)\.(?=\w)", ""),
    (r"\bNULL\b", "None"),
)


def _look_like_labels(counts: npt.NDArray[np.float64]) -> bool:
    """Whether they are whole numbers below their number, as training labels are."""
    return bool(
        (counts == np.floor(counts)).all() and 0 <= counts.min() <= counts.max() < len(counts) / 2
    )


def check(status: int, counts: npt.NDArray[np.float64] | None = None, **ours: str) -> None:
    """Raises the calling thread's last error, in Python's words, unless the status is OK.

    Args:
        status: What a function of the library returned.
        counts: The counts of classes that it was given, if it was given some.
        ours: What the caller's arguments are called, where not as in C.
    """
    if not status:
        return
    message: str = library.topkloss_last_error().decode()
    for name, argument in (*_NAMES, *((rf"\b{name}\b", own) for name, own in ours.items())):
        message = re.sub(name, argument, message)
    code = library.topkloss_status_name(status).decode()
    if counts is not None and code == "TOPKLOSS_ERROR_CLASS_COUNT" and _look_like_labels(counts):
        message += (
            f". {len(counts)} whole numbers from {counts.min():.0f} to {counts.max():.0f} may be "
            "labels: count them first, with np.bincount(labels, minlength=C)"
        )
    raise TopKLossError(message, code)

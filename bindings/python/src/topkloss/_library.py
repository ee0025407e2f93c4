"""Finds and loads the shared library, and turns its statuses into exceptions."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

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


def _load(path: str) -> ctypes.CDLL:
    """Loads the file and declares every prototype on it. Calls release the interpreter lock."""
    try:
        loaded = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"topkloss cannot load its library: {error}") from error
    try:
        for name, (result, arguments) in _abi.PROTOTYPES.items():
            function = getattr(loaded, name)
            function.restype = result
            function.argtypes = arguments
    except AttributeError as error:
        raise ImportError(f"topkloss cannot use {path}: {error}") from error
    version = loaded.topkloss_abi_version()
    if version != _abi.TOPKLOSS_ABI_VERSION:
        raise ImportError(
            f"topkloss cannot use {path}: its ABI version is {version}, "
            f"this package was written for {_abi.TOPKLOSS_ABI_VERSION}"
        )
    return loaded


library = _load(_path())


def check(status: int) -> None:
    """Raises the calling thread's last error, unless the status is OK."""
    if status:
        raise TopKLossError(
            library.topkloss_last_error().decode(), library.topkloss_status_name(status).decode()
        )

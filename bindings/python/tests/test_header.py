"""The header and what the library and the binding say of themselves.

That the ctypes layer repeats the header is the generator's doing; that the compiler lays structs
out as the generator says is checked in C.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import topkloss
from topkloss import _abi

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from abi import header  # noqa: E402

HEADER = header.read((ROOT / "include/topkloss.h").read_text())


def test_struct_layouts():
    """Ctypes lays structs out as C does."""
    for struct in HEADER.structs:
        python = _abi.INITIALISED[struct.short]
        assert ctypes.sizeof(python) == struct.size, struct.name
        for member in struct.members:
            field = getattr(python, member.name)
            assert (field.offset, field.size) == (member.offset, member.size), member.name


def test_versions():
    library = topkloss._library.library
    assert HEADER.version == topkloss.__version__ == library.topkloss_version().decode()
    assert library.topkloss_simd().decode() == topkloss.simd


def test_names_of_statuses():
    library = topkloss._library.library
    statuses = HEADER.enumeration("topkloss_status").constants
    for status in statuses:
        assert library.topkloss_status_name(status.value).decode() == status.name
    for unknown in (-1, len(statuses), 2**31 - 1):
        assert library.topkloss_status_name(unknown) == b"unknown status"

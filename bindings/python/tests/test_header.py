"""The header and what the library and the binding say of themselves.

That the ctypes layer repeats the header is the generator's doing; that the compiler lays structs
out as the generator says is checked in C.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

import topkloss
from topkloss import _abi

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from abi import frozen, header  # noqa: E402
from abi.errors import HeaderError  # noqa: E402

TEXT = (ROOT / "include/topkloss.h").read_text()
HEADER = header.read(TEXT)


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


# What is wrong with a header, a text of it, and what stands there instead.
WRONG = {
    "padding before it": (
        "  int32_t reserved;\n  /** Classes with more",
        "  /** Classes with more",
    ),
    "padding at its end": ("  int32_t reserved;\n} topkloss_executor;", "} topkloss_executor;"),
    "say once": ("gamma, 0 to 1e15. Default 2.", "gamma, 0 to 1e15, by default 2."),
    "not: 'gamma": ("gamma, 0 to 1e15. Default 2.", "gamma, 0 to 1e15. Default 2. Default 3."),
    "is no number": ("gamma, 0 to 1e15. Default 2.", "gamma, 0 to 1e15. Default two."),
    "default of a pointer": ("rule. Copied. Default NULL.", "rule. Copied. Default 0."),
    "has no documentation": ("  /** Zero. */\n", ""),
    "has no function": ("topkloss_focal_options_init(", "topkloss_focal_options_start("),
    "fewer members": ("  /** gamma, 0 to 1e15. Default 2. */\n  double gamma;\n", ""),
    "was reserved": (
        "  /** Zero. */\n  int32_t reserved;\n} topkloss_topk_accuracy_options;",
        "  /** Whether. Default 1. */\n  int32_t later;\n} topkloss_topk_accuracy_options;",
    ),
    "takes something else": ("num_threads(int32_t count)", "num_threads(int64_t count)"),
    "was 1, and is 2": ("TOPKLOSS_EXACT = 1", "TOPKLOSS_EXACT = 2"),
}


@pytest.mark.parametrize("words", WRONG)
def test_headers_that_are_refused(words):
    """Rather than read in a way that nobody meant, or break a program of an earlier version."""
    old, new = WRONG[words]
    assert old in TEXT
    with pytest.raises(HeaderError, match=words):
        frozen.check_kept(header.read(TEXT.replace(old, new)), frozen.versions())

"""The gate of the ABI: what breaks programs that were compiled before fails, what is new does not.

Fails without the comparison of libabigail's pictures, and where what it may say is taken too wide.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from abi import picture  # noqa: E402

pytestmark = pytest.mark.skipif(shutil.which("abidiff") is None, reason="no abigail-tools")
TEXT = picture.headers()
VERSION = re.search(r"TOPKLOSS_API [^;{}]*topkloss_abi_version[^;]*;", TEXT)[0]
LAST = "  double gamma;\n} topkloss_focal_options;"

BROKEN = {
    "offset changed": (r"  int32_t check_finite;\n(.*?)  int64_t ignore_index;\n", r"\1"),
    "data member changes": (r"  double gamma;(?=\n} topkloss_focal_options)", "  float gamma;"),
    "data member deletion": (r"  double gamma;(?=\n} topkloss_focal_options)", ""),
    "Removed function": (re.escape(VERSION), ""),
    "sub-type change": (r"num_threads\(int32_t count\)", "num_threads(int64_t count)"),
    "enumerator change": ("TOPKLOSS_EXACT = 1", "TOPKLOSS_EXACT = 2"),
    "enumerator deletion": ("  TOPKLOSS_BFLOAT16 = 3", "  TOPKLOSS_BRAIN = 3"),
    "topkloss_parallel_for": (r"void \*task_context, int64_t", "void *task_context, int32_t"),
}
ADDED = {
    "data member insertion": (re.escape(LAST), f"  double gamma;\n  double later;{LAST[15:]}"),
    "enumerator insertion": ("  TOPKLOSS_BFLOAT16 = 3", "  TOPKLOSS_BFLOAT16 = 3, TOPKLOSS_F8 = 4"),
    "Added function": (re.escape(VERSION), f"{VERSION} TOPKLOSS_API int32_t topkloss_later(void);"),
    "::reserved": (r"int32_t reserved;(?=\n} topkloss_executor)", "int32_t later;"),
}


def compared(old, new, folder):
    text, times = re.subn(old, new, TEXT, count=1, flags=re.S)
    assert times == 1
    return picture.compare(picture.PICTURE, picture.draw(text, folder))


@pytest.mark.parametrize("words", BROKEN)
def test_breaches(words, tmp_path):
    breach, differences = compared(*BROKEN[words], tmp_path)
    assert breach
    assert words in differences


@pytest.mark.parametrize("words", ADDED)
def test_additions(words, tmp_path):
    breach, differences = compared(*ADDED[words], tmp_path)
    assert breach == []
    assert words in differences

"""Where things are in the repository, and what they say of themselves."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def version() -> str:
    """Of the library and of all that is made from it: the header has it."""
    text = (ROOT / "include/topkloss.h").read_text()
    (found,) = re.findall(r'^#define TOPKLOSS_VERSION "(.+)"$', text, re.M)
    return str(found)

"""SHA256SUMS, as `sha256sum --check` reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path

NAME = "SHA256SUMS"


def write(folder: Path) -> Path:
    """Writes it, of every other file in a folder."""
    files = sorted(each for each in folder.iterdir() if each.name != NAME)
    lines = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in files]
    (folder / NAME).write_text("".join(lines))
    return folder / NAME

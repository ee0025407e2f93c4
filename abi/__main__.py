"""Writes, checks or freezes what follows from the header: see the package."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from abi import frozen, header
from abi.errors import HeaderError
from abi.outputs import outputs

_ROOT = Path(__file__).parents[1]
_HEADER = _ROOT / "include/topkloss.h"
_CUDA = _ROOT / "include/topkloss_cuda.h"


def _stale(texts: dict[str, str]) -> list[str]:
    """The files that are not as they should be."""
    paths = {name: _ROOT / name for name in texts}
    return [
        name for name, path in paths.items() if not path.exists() or path.read_text() != texts[name]
    ]


def main() -> int:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m abi", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--check", action="store_true", help="say which files are stale; write none"
    )
    choice.add_argument("--freeze", action="store_true", help="keep the header as the next version")
    arguments = parser.parse_args()
    text, path = _HEADER.read_text(), _HEADER
    try:
        if arguments.freeze:
            print(f"froze {frozen.freeze(text)}")
        main_header, path = header.read(text), _CUDA
        cuda, path = header.read_beside(_CUDA.read_text(), main_header), _HEADER
        texts = outputs(main_header, cuda, frozen.versions())
    except HeaderError as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return 1
    stale = _stale(texts)
    if arguments.check:
        for name in stale:
            print(f"{name} is stale: run make generate", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (_ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (_ROOT / name).write_text(texts[name])
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

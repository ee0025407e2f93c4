"""Adds to the wheels and the source archive of a release what else it has.

Usage: python packaging/release FOLDER LIBTOPKLOSS.SO..., one library for each processor

In the folder are then, besides: a tarball for each processor, the bill of materials, and SHA256SUMS
of all. The same inputs give the same bytes: files have the time of SOURCE_DATE_EPOCH, in seconds.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone
from pathlib import Path

import checksums
import sbom
import tarball
from paths import version


def main(folder: Path, libraries: list[Path]) -> None:
    """Writes them. libraries: libtopkloss.so, with the others of its processor beside it."""
    seconds = int(os.environ["SOURCE_DATE_EPOCH"])
    shipped: dict[str, bytes] = {}
    for library in libraries:
        written, files = tarball.write(folder, library, seconds)
        shipped |= files
        print(f"wrote {written}")
    bill = folder / f"topkloss-{version()}.cdx.json"
    bill.write_text(sbom.text(shipped, datetime.fromtimestamp(seconds, timezone.utc)))
    print(f"wrote {bill}")
    print(f"wrote {checksums.write(folder)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])

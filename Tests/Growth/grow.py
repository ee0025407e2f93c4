"""Makes a tree of a later version out of a copy of this one.

Every struct of the header gets two members at its end, with defaults that are not zero. Every loss
insists on the defaults in its options, and every call in its batch: so programs which know of no
such members work only if what they hand over is read over the defaults.

Usage: grow.py TREE, which has include/, abi/ and Sources/TopKLoss/.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MEMBERS = """  /** Of a later version. Default 0.25. */
  double later;
  /** Of a later version. Default -7. */
  int64_t latest;
"""
# In a file of Sources/TopKLoss: a text, and what comes in its place.
LOSS_OPTIONS = "protocol LossOptions: VersionedStruct {"
EDITS = [
    (
        "Losses/LossOptions.swift",
        LOSS_OPTIONS,
        f"{LOSS_OPTIONS}\n  var later: Double {{ get }}\n  var latest: Int64 {{ get }}\n",
    ),
    (
        "Losses/LossOptions.swift",
        "let loss = try readOptions(options, orDefaults: orDefaults).makeLoss()",
        """let options = try readOptions(options, orDefaults: orDefaults)
    guard options.later == 0.25, options.latest == -7 else {
      throw Failure(TOPKLOSS_ERROR_OPTION, "options.later is \\(text(options.later))")
    }
    let loss = try options.makeLoss()""",
    ),
    (
        "Call/Batch.swift",
        """raw = try readStruct(pointer, "batch")""",
        """raw = try readStruct(pointer, "batch")
    guard raw.later == 0.25, raw.latest == -7 else {
      throw Failure(TOPKLOSS_ERROR_OPTION, "batch.later is \\(text(raw.later))")
    }""",
    ),
]


def main() -> None:
    """Grows the tree that the command line names."""
    tree = Path(sys.argv[1])
    header = tree / "include/topkloss.h"
    text, count = re.subn(
        r"(?=^\} topkloss_\w+;$)", MEMBERS, header.read_text(), flags=re.MULTILINE
    )
    assert count > 1, "the header has no structs"
    header.write_text(text)
    for name, old, new in EDITS:
        path = tree / "Sources/TopKLoss" / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} no longer says {old}"
        path.write_text(text.replace(old, new))


if __name__ == "__main__":
    main()

"""Init functions, given the sizes that structs had in frozen versions, fill in just that much.

Usage: inits.py TREE LIBRARY: the tree has the header that the library was built from.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from pathlib import Path

TREE, LIBRARY = Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(TREE))

from abi import frozen, header  # noqa: E402
from abi.model import Header, Struct  # noqa: E402

FORMATS = {"double": "d", "int32_t": "i", "int64_t": "q", "uint64_t": "Q", "size_t": "Q"}
GUARD = 256


def filled(described: Header, of: Struct, size: int) -> bytes:
    """A struct with its defaults, cut to an older one's size."""
    constants = described.all_constants()
    image = bytearray(of.size)
    for member in of.members:
        default = member.default
        value = size if member.name == "struct_size" else constants.get(str(default), default or 0)
        place = FORMATS.get("size_t" if member.type.pointers else member.type.name, "i")
        place = "Q" if member.size == 8 and place == "i" else place
        struct.pack_into(place, image, member.offset, value)
    return bytes(image[:size])


def main() -> int:
    """Says which struct is filled otherwise than it should be."""
    described = header.read((TREE / "include/topkloss.h").read_text())
    library = ctypes.CDLL(LIBRARY)
    wrong = 0
    for version in frozen.versions():
        for old in version.structs:
            now = described.struct(old.name)
            assert now is not None
            memory = ctypes.create_string_buffer(b"\xa5" * (old.size + GUARD), old.size + GUARD)
            status = getattr(library, f"{old.name}_init")(memory, ctypes.c_size_t(old.size))
            expected = filled(described, now, old.size) + b"\xa5" * GUARD
            if status != 0 or memory.raw != expected:
                print(f"{old.name} of {old.size} bytes: status {status}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

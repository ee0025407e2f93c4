"""The interface of topkloss_cuda.h in ctypes: bindings/python/src/topkloss/_cuda_abi.py."""

from __future__ import annotations

import re

from abi import python
from abi.model import Header, Struct

_HEAD = '''"""The C interface in ctypes: structs and prototypes of topkloss_cuda.h.

Generated from the header by ``python -m abi``, as `topkloss._abi` is: change that, not this.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_double, c_int32, c_int64, c_size_t, c_void_p
from typing import Any, ClassVar

from topkloss import _abi

_Fields = list[tuple[str, Any]]
'''


def python_cuda(header: Header, main: Header) -> str:
    """The module's text."""
    # What the main header declares is where its own module has it.
    names = [*main.opaque, *(each.name for each in main.structs)]
    names += [each.name for each in main.enumerations]
    short = sorted((python.short(name) for name in names), key=len, reverse=True)
    both = Header(
        main.version, (), (), main.opaque, (), (*main.structs, *header.structs), header.functions
    )
    elsewhere = re.compile(rf"(?<![\w.\"])({'|'.join(short)})(_p)?(?=[,)\]])")

    def qualified(text: str) -> str:
        return elsewhere.sub(r"_abi.\1\2", text)

    def struct(one: Struct) -> str:
        return qualified(python.struct(both, one))

    blocks = [_HEAD, *map(struct, header.structs), "", python.prototypes(both, qualified)]
    return "\n".join(blocks)

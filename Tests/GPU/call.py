"""The struct that kernels take, as ctypes has it: read from Sources/CDevice/CDevice.h."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

from pycparser import c_ast, c_parser  # type: ignore[import-untyped]

HEADER = Path(__file__).resolve().parents[2] / "Sources/CDevice/CDevice.h"
_SCALARS: dict[str, Any] = {
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
}
_LIMITS = {"INT64_MAX": 2**63 - 1, "INT32_MAX": 2**31 - 1}


def _parse(text: str) -> tuple[dict[str, Any], dict[str, int]]:
    bare = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    constants = {
        name: _LIMITS.get(value) or int(value, 0)
        for name, value in re.findall(r"^#define (TOPK\w+) \(?(-?\w+)\)?$", bare, re.MULTILINE)
    }
    declarations = re.sub(r"^#.*$|_Nullable|_Nonnull", "", bare, flags=re.MULTILINE)
    standard = "".join(f"typedef int {name};" for name in _SCALARS if name.endswith("_t"))
    types: dict[str, Any] = dict(_SCALARS)

    def type_of(node: Any) -> Any:
        if isinstance(node, c_ast.PtrDecl):
            return ctypes.c_void_p
        if isinstance(node, c_ast.ArrayDecl):
            length = node.dim.value if isinstance(node.dim, c_ast.Constant) else node.dim.name
            return type_of(node.type) * int(constants.get(length, length))
        return types[" ".join(node.type.names)]

    for node in c_parser.CParser().parse(standard + declarations).ext:
        if isinstance(node, c_ast.Typedef) and isinstance(node.type.type, c_ast.Struct):
            fields = [(member.name, type_of(member.type)) for member in node.type.type.decls]
            types[node.name] = type(node.name, (ctypes.Structure,), {"_fields_": fields})
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.Enum):
            for entry in node.type.values.enumerators:
                constants[entry.name] = int(entry.value.value, 0)
    return types, constants


TYPES, CONSTANTS = _parse(HEADER.read_text())
"""Structs by their names in C, and the numbers of its enumerations and macros."""

Call: Any = TYPES["TopkDeviceCall"]
Outcome: Any = TYPES["DeviceOutcome"]
Partial: Any = TYPES["DevicePartial"]

"""The interface in ctypes: bindings/python/src/topkloss/_abi.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from abi.model import PREFIX, Function, Header, Member, Struct, Type
from abi.words import title

_HEAD = '''"""The C interface in ctypes: constants, structs, defaults and prototypes of topkloss.h.

Generated from the header by ``python -m abi``: change that, not this. Names are the header's own,
without the prefix ``topkloss_`` for types. Pointers to data (``const double *``, ``void *``) are
``c_void_p``, which takes plain addresses; pointers to structs are typed.
"""

from __future__ import annotations

import ctypes
import math
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from typing import Any, ClassVar

_Fields = list[tuple[str, Any]]
'''
_WIDTH = 100


def python(header: Header) -> str:
    """The module's text."""
    blocks = [
        _HEAD,
        *_constants(header),
        "\n".join(_types(header)),
        *(struct(header, each) for each in header.structs),
        _tables(header),
        _defaults(header),
        prototypes(header),
    ]
    return "\n".join(blocks)


def _constants(header: Header) -> Iterator[str]:
    yield f'TOPKLOSS_VERSION = "{header.version}"'
    yield "\n".join(f"{each.name} = {each.value}" for each in header.constants) + "\n"
    for enumeration in header.enumerations:
        lines = [f"{each.name} = {each.value}" for each in enumeration.constants]
        yield "\n".join([f"# {title(enumeration.doc)}", *lines, ""])


def _types(header: Header) -> Iterator[str]:
    for enumeration in header.enumerations:
        yield f"{short(enumeration.name)} = c_int32"
    for name in header.opaque:
        yield f"{short(name)}_p = c_void_p"
    for callback in header.callbacks:
        types = [_type(header, callback.result)]
        types += [_type(header, parameter.type) for parameter in callback.parameters]
        yield f"{short(callback.name)} = ctypes.CFUNCTYPE({', '.join(types)})"
    yield ""


def short(name: str) -> str:
    """A type's name without the prefix."""
    return name.removeprefix(PREFIX)


def _type(header: Header, type_: Type) -> str:
    """What stands for a type."""
    if type_.pointers == 0:
        if type_.name == "void":
            return "None"
        return short(type_.name) if type_.name.startswith(PREFIX) else _scalar(type_.name)
    if type_.name in header.opaque:
        name = f"{short(type_.name)}_p"
        return name if type_.pointers == 1 else f"POINTER({name})"
    if header.struct(type_.name):
        return f"POINTER({short(type_.name)})"
    return "c_char_p" if type_.name == "char" else "c_void_p"


def _scalar(name: str) -> str:
    return f"c_{name}" if name in ("size_t", "double", "float") else f"c_{name.removesuffix('_t')}"


def struct(header: Header, struct: Struct) -> str:
    """The class of a struct."""
    fields = [f'        ("{m.name}", {_type(header, m.type)}),' for m in struct.members]
    return "\n".join(
        [
            "",
            f"class {struct.short}(ctypes.Structure):",
            f'    """{title(struct.doc)}"""',
            "",
            "    _fields_: ClassVar[_Fields] = [",
            *fields,
            "    ]",
            "",
        ]
    )


def _tables(header: Header) -> str:
    losses = [f'    "{loss.name}": {loss.options.short},' for loss in header.losses]
    structs = [f'    "{struct.short}": {struct.short},' for struct in header.structs]
    return "\n".join(
        [
            "",
            "# The struct of options of every loss, by the name of the loss.",
            "LOSS_OPTIONS: dict[str, type[ctypes.Structure]] = {",
            *losses,
            "}",
            "",
            "# Every struct, by its name: the library can fill it with its defaults.",
            "INITIALISED: dict[str, type[ctypes.Structure]] = {",
            *structs,
            "}",
            "",
        ]
    )


def _default(member: Member) -> str:
    if member.type.pointers:
        return "None"
    return "math.nan" if member.default_is_nan else str(member.default)


def _defaults(header: Header) -> str:
    lines = [
        "# Defaults of all options that have one, by the names of the struct and of the option.",
        "DEFAULTS: dict[str, dict[str, int | float | None]] = {",
    ]
    for struct in header.structs:
        if struct.short.endswith("_options"):
            stated = [member for member in struct.options if member.default is not None]
            lines += [f'    "{struct.short}": {{']
            lines += [f'        "{member.name}": {_default(member)},' for member in stated]
            lines += ["    },"]
    return "\n".join([*lines, "}", ""])


def prototypes(header: Header, qualified: Callable[[str], str] = str) -> str:
    """The table of all functions; qualified: says where a type is that another module has."""
    lines = [
        "# Result type and argument types of every function.",
        "Prototype = tuple[Any, list[Any]]",
        "",
        "PROTOTYPES: dict[str, Prototype] = {",
        *(
            line
            for function in header.functions
            for line in _prototype(header, function, qualified)
        ),
        "}",
        "",
    ]
    return "\n".join(lines)


def _prototype(header: Header, function: Function, qualified: Callable[[str], str]) -> list[str]:
    result = _type(header, function.result)
    types = [_type(header, parameter.type) for parameter in function.parameters]
    line = qualified(f'    "{function.name}": ({result}, [{", ".join(types)}]),')
    if len(line) <= _WIDTH:
        return [line]
    lines = f'    "{function.name}": (', f"        {result},", f"        [{', '.join(types)}],"
    return [*map(qualified, lines), "    ),"]

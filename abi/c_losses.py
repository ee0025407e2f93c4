"""Losses, structs and functions as macros, for tests that name none: Tests/C/generated/abi.h."""

from __future__ import annotations

from abi.model import PREFIX, Header, Loss, Member, Struct
from abi.words import camel

_HEAD = "/* X(loss, its class in C++, its options there) */\n"

_KINDS = {"double": "NUMBER", "int64_t": "INTEGER", "uint64_t": "WORD"}


def c_losses(header: Header) -> str:
    """The macros."""
    losses = [
        f"X({loss.name}, {_cpp_class(loss)}, {camel(loss.options.name)})" for loss in header.losses
    ]
    blocks = [_HEAD + _macro("TOPKLOSS_LOSSES", losses)]
    comment = "/* X(loss, member, kind, number of enumerators of an enumeration, otherwise 0) */\n"
    for loss in header.losses:
        rows = _members(header, loss.name, loss.options)
        blocks.append(comment + _macro(f"TOPKLOSS_OPTIONS_{loss.name}", rows))
        comment = ""
    of_losses = [loss.options for loss in header.losses]
    others = [struct for struct in header.structs if struct not in of_losses]
    comment = "/* X(struct), and as above: those that are no options of a loss */\n"
    blocks.append(comment + _macro("TOPKLOSS_STRUCTS", [f"X({each.short})" for each in others]))
    for struct in others:
        rows = _members(header, struct.short, struct)
        blocks.append(_macro(f"TOPKLOSS_MEMBERS_{struct.short}", rows))
    names = [f"X({function.name.removeprefix(PREFIX)})" for function in header.functions]
    blocks.append(
        "/* X(function, without the library's name) */\n" + _macro("TOPKLOSS_FUNCTIONS", names)
    )
    return "\n".join(blocks)


def _members(header: Header, name: str, struct: Struct) -> list[str]:
    return [
        f"X({name}, {member.name}, {_kind(member)}, {_enumerators(header, member)})"
        for member in struct.options
    ]


def _macro(name: str, rows: list[str]) -> str:
    return " \\\n  ".join([f"#define {name}(X)", *rows]) + "\n"


def _cpp_class(loss: Loss) -> str:
    name = camel(loss.name)
    return name if name.endswith("Operator") else f"{name}Loss"


def _kind(member: Member) -> str:
    if member.name == "classes":
        return "CLASSES"
    if member.type.pointers or member.type.name.endswith("parallel_for"):
        return "VECTOR" if member.type.name == "double" else "POINTER"
    return _KINDS.get(member.type.name, "CODE")


def _enumerators(header: Header, member: Member) -> int:
    enumeration = header.enumeration(member.type.name)
    return len(enumeration.constants) if enumeration else 0

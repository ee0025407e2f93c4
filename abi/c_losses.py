"""The losses and their options as macros, for tests that name none: in Tests/C/generated/abi.h."""

from __future__ import annotations

from abi.model import Header, Loss, Member
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
        rows = [
            f"X({loss.name}, {member.name}, {_kind(member)}, {_enumerators(header, member)})"
            for member in loss.options.options
        ]
        blocks.append(comment + _macro(f"TOPKLOSS_OPTIONS_{loss.name}", rows))
        comment = ""
    return "\n".join(blocks)


def _macro(name: str, rows: list[str]) -> str:
    return " \\\n  ".join([f"#define {name}(X)", *rows]) + "\n"


def _cpp_class(loss: Loss) -> str:
    name = camel(loss.name)
    return name if name.endswith("Operator") else f"{name}Loss"


def _kind(member: Member) -> str:
    if member.name == "classes":
        return "CLASSES"
    return "VECTOR" if member.type.pointers else _KINDS.get(member.type.name, "CODE")


def _enumerators(header: Header, member: Member) -> int:
    enumeration = header.enumeration(member.type.name)
    return len(enumeration.constants) if enumeration else 0

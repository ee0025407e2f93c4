"""Versions of the header that programs have been compiled with: abi/frozen/<number>/topkloss.h.

What a frozen version declares stays: its functions, its enumerators, and its structs as the
beginnings of today's. A struct grows at its end, and a reserved member may become one that means
something, of the same size, whose default is the zero that programs of before have there.
"""

from __future__ import annotations

from pathlib import Path

from abi import header as parser
from abi.errors import HeaderError
from abi.model import Header, Member, Struct
from abi.source import without_comments

FOLDER = Path(__file__).parent / "frozen"


def versions() -> tuple[Header, ...]:
    """All frozen versions, the first first."""
    folders = sorted(FOLDER.iterdir(), key=lambda folder: int(folder.name))
    texts = [(folder / "topkloss.h").read_text() for folder in folders]
    return tuple(parser.read(text, documented=False) for text in texts)


def freeze(text: str) -> Path:
    """Keeps a header's declarations as the next version."""
    folder = FOLDER / str(len(list(FOLDER.iterdir())) + 1 if FOLDER.is_dir() else 1)
    folder.mkdir(parents=True)
    (folder / "topkloss.h").write_text(without_comments(text))
    return folder


def older_sizes(struct: Struct, frozen: tuple[Header, ...]) -> list[int]:
    """Sizes that a struct had once and has no more."""
    found = [version.struct(struct.name) for version in frozen]
    return sorted({each.size for each in found if each is not None} - {struct.size})


def check_kept(header: Header, frozen: tuple[Header, ...]) -> None:
    """Refuses a header with which a program of a frozen version would no longer work."""
    for version in frozen:
        for struct in version.structs:
            _check_struct(struct, header.struct(struct.name), header.all_constants())
        now = {function.name: function for function in header.functions}
        for function in version.functions:
            kept = now.get(function.name)
            types = [parameter.type for parameter in function.parameters]
            if kept is None or kept.result != function.result:
                raise HeaderError(f"{function.name} is gone, or returns something else")
            if [parameter.type for parameter in kept.parameters] != types:
                raise HeaderError(f"{function.name} takes something else than it did")
        constants = header.all_constants()
        for name, value in version.all_constants().items():
            if constants.get(name) != value:
                raise HeaderError(f"{name} was {value}, and is {constants.get(name, 'gone')}")


def _check_struct(old: Struct, new: Struct | None, constants: dict[str, int]) -> None:
    if new is None:
        raise HeaderError(f"{old.name} is gone")
    if len(new.members) < len(old.members):
        raise HeaderError(f"{old.name} has fewer members than it had")
    for before, after in zip(old.members, new.members, strict=False):
        if not _is_kept(before, after):
            raise HeaderError(
                f"{old.name}.{before.name} ({before.type}) is gone from its place: "
                f"{after.name} ({after.type}) is there"
            )
        default = after.default
        zero = constants[default] if isinstance(default, str) else default
        if before.is_reserved and zero != 0:
            raise HeaderError(f"{old.name}.{after.name} was reserved: its default must be 0")


def _is_kept(before: Member, after: Member) -> bool:
    if before.is_reserved and not after.is_reserved:
        return after.size == before.size
    return (after.name, after.type) == (before.name, before.type)

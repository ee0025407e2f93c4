"""What the header declares, in the words of C."""

from __future__ import annotations

import math
from dataclasses import dataclass

PREFIX = "topkloss_"
CONSTANT_PREFIX = "TOPKLOSS_"


@dataclass(frozen=True)
class Type:
    """A type: a name, and how many pointers stand before it."""

    name: str
    """Of a scalar of C, or of the header's own."""
    pointers: int = 0
    is_const: bool = False
    """Whether what the innermost pointer points to is const."""

    def __str__(self) -> str:
        """As C writes it."""
        const = "const " if self.is_const else ""
        return f"{const}{self.name}{' ' if self.pointers else ''}{'*' * self.pointers}"


@dataclass(frozen=True)
class Constant:
    """An enumerator, or a macro that stands for a whole number."""

    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class Enumeration:
    """A name for int32_t and the enumerators that follow it."""

    name: str
    doc: str
    constants: tuple[Constant, ...]


@dataclass(frozen=True)
class Member:
    """A member of a struct."""

    name: str
    type: Type
    doc: str
    offset: int
    size: int
    default: int | float | str | None
    """A number, the name of a constant, or None where there is no default."""

    @property
    def default_is_nan(self) -> bool:
        """Whether what it is by default depends on other members."""
        return isinstance(self.default, float) and math.isnan(self.default)

    @property
    def is_reserved(self) -> bool:
        """Whether it only takes the place of padding."""
        return self.name.startswith("reserved")


@dataclass(frozen=True)
class Struct:
    """A struct that begins with struct_size."""

    name: str
    doc: str
    members: tuple[Member, ...]
    size: int

    @property
    def short(self) -> str:
        """The name without the library's."""
        return self.name.removeprefix(PREFIX)

    @property
    def options(self) -> tuple[Member, ...]:
        """The members that a caller may set."""
        return tuple(m for m in self.members if m.name != "struct_size" and not m.is_reserved)

    def has(self, name: str) -> bool:
        """Whether it has a member of that name."""
        return any(member.name == name for member in self.members)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function or of a pointer to one."""

    name: str
    type: Type


@dataclass(frozen=True)
class Function:
    """A function, or the type of a pointer to one."""

    name: str
    result: Type
    parameters: tuple[Parameter, ...]
    doc: str

    @property
    def takes_null_options(self) -> bool:
        """Whether NULL stands for options with their defaults."""
        return "@param options Read during the call only. NULL: the defaults." in self.doc


@dataclass(frozen=True)
class Loss:
    """What a pair of functions topkloss_<name>_options_init and topkloss_<name>_create makes."""

    name: str
    options: Struct
    create: Function
    methods: tuple[Function, ...]
    """Functions that only handles of this loss are for."""


@dataclass(frozen=True)
class Header:
    """All of it, in the header's order."""

    version: str
    constants: tuple[Constant, ...]
    """Of macros."""
    enumerations: tuple[Enumeration, ...]
    opaque: tuple[str, ...]
    callbacks: tuple[Function, ...]
    structs: tuple[Struct, ...]
    functions: tuple[Function, ...]
    losses: tuple[Loss, ...] = ()

    def struct(self, name: str) -> Struct | None:
        """The struct of that name."""
        return next((struct for struct in self.structs if struct.name == name), None)

    def enumeration(self, name: str) -> Enumeration | None:
        """The enumeration of that name."""
        return next((each for each in self.enumerations if each.name == name), None)

    def all_constants(self) -> dict[str, int]:
        """Values of the macros and enumerators."""
        listed = [*self.constants, *(c for each in self.enumerations for c in each.constants)]
        return {constant.name: constant.value for constant in listed}

"""What everything with a handle of the library has in common: options checked, and then fixed."""

from __future__ import annotations

import ctypes
import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import WORDS, Check
from topkloss._cosines import CosineWatch
from topkloss._library import check, library
from topkloss._records import Traits
from topkloss.errors import TopKLossError

if TYPE_CHECKING:
    from typing_extensions import Self

SomeHandle = TypeVar("SomeHandle", bound="Handle")

# Never unset, so that losses that are freed while the interpreter shuts down can still call it.
_destroy = library.topkloss_loss_destroy


def _by_class(kind: str) -> bool:
    """Whether the vectors among a loss's options are indexed by class; else they are by rank."""
    return hasattr(_abi.LOSS_OPTIONS[kind], "classes")


def _lengths(arguments: dict[str, Any]) -> dict[str, int]:
    return {name: len(value) for name, value in arguments.items() if isinstance(value, np.ndarray)}


def _class_count(arguments: dict[str, Any]) -> int:
    """C, from whichever vectors by class there are; 0 without any."""
    lengths = _lengths(arguments)
    if len(set(lengths.values())) > 1:
        raise TopKLossError(
            ", ".join(f"{name} has {length} classes" for name, length in lengths.items()),
            "TOPKLOSS_ERROR_SIZE",
        )
    return next(iter(lengths.values()), 0)


def _check_ranks(arguments: dict[str, Any]) -> None:
    """Sees that vectors by rank have K numbers."""
    for name, length in _lengths(arguments).items():
        if length != arguments["k"]:
            raise TopKLossError(
                f"{name} has {length} numbers; it must have k of them, {arguments['k']}",
                "TOPKLOSS_ERROR_SIZE",
            )


def _option_values(kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the members of a loss's C options are that are not left at their defaults."""
    values = {
        name: WORDS[name][value] if name in WORDS else value
        for name, value in arguments.items()
        if value is not None
    }
    if not _by_class(kind):
        _check_ranks(arguments)
    elif classes := _class_count(arguments):
        values["classes"] = classes
    return values


def _create(kind: str, arguments: dict[str, Any]) -> int:
    """A handle for a loss whose C options are named like the arguments."""
    options = _abi.LOSS_OPTIONS[kind]()
    initialise = getattr(library, f"topkloss_{kind}_options_init")
    check(initialise(ctypes.byref(options), ctypes.sizeof(options)))
    for name, value in _option_values(kind, arguments).items():
        setattr(options, name, address(value) if isinstance(value, np.ndarray) else value)
    handle = ctypes.c_void_p()
    create = getattr(library, f"topkloss_{kind}_create")
    status = create(ctypes.byref(options), ctypes.byref(handle))
    check(status, arguments.get("class_counts"))
    if handle.value is None:
        raise TopKLossError("the library made no loss", "TOPKLOSS_ERROR_NULL_POINTER")
    return handle.value


def _rebuild(owner: type[SomeHandle], arguments: dict[str, Any]) -> SomeHandle:
    return owner(**arguments)


class Handle:
    """A handle with all its options as attributes.

    Immutable, may be used by many threads at once, and can be copied and pickled. Vectors by class
    are read-only float64 arrays.
    """

    # Their name in the library, and what they are like.
    _kind: ClassVar[str]
    _traits: ClassVar[Traits] = Traits(curvature="is no loss of topkloss")
    # By name, what `topkloss._records` finds in a class: its options, and how each is checked.
    _options: ClassVar[dict[str, inspect.Parameter]]
    _checks: ClassVar[dict[str, Check]]
    # What arrays of its calls are named, where not as in C.
    _names: ClassVar[Mapping[str, str]] = {}
    # Options that mean nothing beside some others: whether they do, of all options, and why.
    _idle: ClassVar[Mapping[str, tuple[Callable[[Mapping[str, Any]], bool], str]]] = {}

    _arguments: dict[str, Any]
    _handle: int
    _watch: CosineWatch | None = None

    @classmethod
    def _checked(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments by name, each in its own type."""
        return {name: cls._checks[name](name, value) for name, value in arguments.items()}

    @classmethod
    def _refuse_idle(cls, values: Mapping[str, Any]) -> None:
        """Refuses what was asked for and would not be done."""
        for name, (is_idle, reason) in cls._idle.items():
            if values[name] != cls._options[name].default and is_idle(values):
                raise TopKLossError(
                    f"{name} is {values[name]!r}, and {reason}", "TOPKLOSS_ERROR_OPTION"
                )

    @classmethod
    def _members(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        """The same by the names of the C options' members."""
        return arguments

    def _option_values(self) -> dict[str, Any]:
        """The members of its C options, vectors as arrays; those left out have their defaults."""
        return _option_values(self._kind, self._members(self._arguments))

    def _make(self, arguments: dict[str, Any]) -> None:
        """What a constructor does with all its arguments, by name and in order."""
        values = self._checked(arguments)
        self._refuse_idle(values)
        handle = _create(self._kind, self._members(values))
        self.__dict__.update(values, _arguments=values, _handle=handle)
        # At exit the system takes the memory back; a thread may still be inside a call.
        weakref.finalize(self, _destroy, handle).atexit = False

    def __repr__(self) -> str:
        """The options that differ from their defaults, vectors by their length."""
        shown = []
        for name, value in self._arguments.items():
            if isinstance(value, np.ndarray):
                what = "classes" if _by_class(self._kind) else "ranks"
                shown.append(f"{name}=<{len(value)} {what}>")
            elif value != self._options[name].default:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def _with(self, **changes: Any) -> Self:
        """The same with other values for some options."""
        other = type(self)(**{**self._arguments, **changes})
        if other._watch is not None:
            other.__dict__["_watch"] = self._watch  # what has been said is not said again
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are made anew from the arguments."""
        return _rebuild, (type(self), self._arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuses: losses are immutable."""
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuses: losses are immutable."""
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be deleted")

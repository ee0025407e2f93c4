"""The record of a loss: the class that says each of its parameters once, and what it is like.

A loss is a class whose annotated members are its options, as in a dataclass: a name, a type, and a
default. From them come its constructor, the checks of what the constructor is given, its signature
and its documentation; and from these the functions of `topkloss.jax` and the modules of
`topkloss.torch`. Options that several losses have in common are members of base classes.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from topkloss import _documentation
from topkloss._arguments import Binding, check_of
from topkloss._curvature import Curvature

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    from topkloss._arrays import Array, FloatVector

    class Vector:
        """A vector by class: given as anything that is an array, kept as a float64 copy."""

        def __get__(self, loss: object, owner: Any) -> FloatVector: ...
        def __set__(self, loss: object, value: Array) -> None: ...

    class OptionalVector:
        """The same, or None."""

        def __get__(self, loss: object, owner: Any) -> FloatVector | None: ...
        def __set__(self, loss: object, value: Array | None) -> None: ...

    class Teacher:
        """A vector by class, or the name of a rule that makes one from the counts."""

        def __get__(self, loss: object, owner: Any) -> FloatVector: ...
        def __set__(self, loss: object, value: Array) -> None: ...

else:
    Vector = OptionalVector = Teacher = Any

    def dataclass_transform(**_):
        """Tells type checkers, and nobody else, that a decorator makes dataclasses."""
        return lambda decorator: decorator


NO_VECTOR: Any = None
"""The default of an `OptionalVector`."""

BY_RANK: Any = "rank"
"""The default of a `Teacher`."""

Rule: TypeAlias = Callable[[Any], bool]
"""Whether something is so of a loss with its options."""

SomeClass = TypeVar("SomeClass", bound="type[Any]")


def always(loss: Any) -> bool:  # noqa: ARG001
    """The rule for what does not depend on options."""
    return True


def never(loss: Any) -> bool:  # noqa: ARG001
    """The same where it is not so."""
    return False


def one(loss: Any) -> float:  # noqa: ARG001
    """The factor of a softmax of the scores themselves."""
    return 1.0


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a loss is like, for whatever calls losses without knowing which.

    Attributes:
        curvature: The diagonal of each row's Hessian from its gradient, or why there is none to
            use.
        heads: How many matrices of scores it takes.
        softmax_factor: What the scores are multiplied by in the softmax that the loss trains
            through, a number or one for each class; None if there is no softmax.
        estimates_probabilities: Whether the softmax of trained scores estimates probabilities.
        is_smooth: Whether the gradient is continuous.
        is_random: Whether every evaluation draws noise.
        rows_are_compared: Whether a row's value depends on the other rows of the batch.
        rows_are_coupled: Whether it does so in a way that has a derivative.
        expects_cosines: Whether its scale is meant for scores in [-1, 1].
        takes_counts: Whether, with the options that are given by name, it is made from the counts
            of the classes. By default a loss that cannot do without.
    """

    curvature: Curvature | str
    heads: int = 1
    softmax_factor: Callable[[Any], Any] | None = None
    estimates_probabilities: bool = False
    is_smooth: Rule = always
    is_random: Rule = never
    rows_are_compared: Rule = never
    rows_are_coupled: Rule = never
    expects_cosines: Rule = never
    takes_counts: Callable[[Mapping[str, Any]], bool] | None = None


LOSSES: dict[str, type[Any]] = {}
"""Every loss by its name in the library."""

# How the types of options look to a caller who gives them.
_GIVEN = {
    "Vector": "Array",
    "OptionalVector": "Array | None",
    "Teacher": "Array | str",
    "Unsigned": "int",
}


def _options(owner: type[Any]) -> list[inspect.Parameter]:
    """The options in the order of the constructor: own ones before those of the bases.

    Only those by position are in a dataclass's order: what a base needs comes first.
    """
    nearest = {
        name: distance
        for distance, base in reversed([*enumerate(owner.__mro__)])
        for name in inspect.get_annotations(base)
    }
    fields = [field for field in dataclasses.fields(owner) if field.init]
    fields.sort(key=lambda field: (field.kw_only, field.kw_only and nearest[field.name]))
    missing, empty = dataclasses.MISSING, inspect.Parameter.empty
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY
            if field.kw_only
            else inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=empty if field.default is missing else field.default,
            annotation=_GIVEN.get(str(field.type), field.type),
        )
        for field in fields
    ]


def _constructor(options: list[inspect.Parameter]) -> Callable[..., None]:
    binding = Binding(options)

    def __init__(self: Any, /, *arguments: Any, **named: Any) -> None:  # noqa: N807
        self._make(binding(arguments, named))

    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.Signature([me, *options], return_annotation=None)
    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


def _documented(owner: type[Any], options: list[inspect.Parameter]) -> str:
    own = _documentation.sections(owner)
    said = _documentation.parameters_of(owner)
    rest = {"Raises": "    TopKLossError: A count or an option is outside its range.", **own}
    return _documentation.docstring(
        own[""],
        {option.name: said[option.name] for option in options},
        [(name, rest[name]) for name in ("Attributes", "Raises") if name in rest],
    )


@overload
def record(owner: SomeClass) -> SomeClass: ...
@overload
def record(*, kw_only: bool) -> Callable[[SomeClass], SomeClass]: ...
@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field,))
def record(owner: Any = None, *, kw_only: bool = False) -> Any:
    """Makes a class of `topkloss._handle.Handle`'s from its annotated members, its options.

    A class with ``_traits`` is a loss, and goes into `LOSSES` under its ``_kind``.

    Args:
        owner: The class. Its docstring describes the options that are its own.
        kw_only: Whether its own options are given by name only.
    """
    if owner is None:
        return lambda owner: _recorded(owner, kw_only)
    return _recorded(owner, kw_only)


def _recorded(owner: Any, kw_only: bool) -> Any:
    dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(owner)
    options = _options(owner)
    owner._options = {option.name: option for option in options}
    owner._checks = {
        field.name: check_of(field.name, str(field.type))
        for field in dataclasses.fields(owner)
        if field.init
    }
    owner.__init__ = _constructor(options)
    if "_traits" in owner.__dict__:
        if sys.flags.optimize < 2:  # otherwise there are no docstrings to put together
            owner.__doc__ = _documented(owner, options)
        LOSSES[owner._kind] = owner
    return owner

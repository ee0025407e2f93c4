"""What all losses have in common: a handle made from checked arguments, and how it is called."""

from __future__ import annotations

import ctypes
import inspect
import weakref
from typing import Any, ClassVar, Literal, NoReturn, TypeAlias, TypeVar

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._arguments import ESTIMATORS, REDUCTIONS, checked
from topkloss._arrays import Array
from topkloss._evaluation import Value, evaluate, evaluate_plain
from topkloss._library import check, library
from topkloss.errors import TopKLossError

Reduction: TypeAlias = Literal["mean", "sum", "none"]
SomeLoss = TypeVar("SomeLoss", bound="Loss")

_WORDS = {"reduction": REDUCTIONS, "estimator": ESTIMATORS}
# Never unset, so that losses that are freed while the interpreter shuts down can still call it.
_destroy = library.topkloss_loss_destroy


def _class_count(arguments: dict[str, Any]) -> int:
    """C, from whichever vectors by class there are; 0 without any."""
    lengths = {
        name: len(arguments[name])
        for name in ("class_counts", "class_weight")
        if arguments.get(name) is not None
    }
    if len(set(lengths.values())) > 1:
        raise TopKLossError(
            f"class_counts has {lengths['class_counts']} classes, "
            f"class_weight has {lengths['class_weight']}",
            "TOPKLOSS_ERROR_SIZE",
        )
    return next(iter(lengths.values()), 0)


def _create(kind: str, arguments: dict[str, Any]) -> int:
    """A handle for a loss whose C options are named like the arguments."""
    options = _abi.LOSS_OPTIONS[kind]()
    initialise = getattr(library, f"topkloss_{kind}_options_init")
    check(initialise(ctypes.byref(options), ctypes.sizeof(options)))
    options.classes = _class_count(arguments)
    for name, value in arguments.items():
        if value is None:
            continue
        if name in _WORDS:
            value = _WORDS[name][value]
        elif isinstance(value, np.ndarray):
            value = address(value)
        setattr(options, name, value)
    handle = ctypes.c_void_p()
    check(getattr(library, f"topkloss_{kind}_create")(ctypes.byref(options), ctypes.byref(handle)))
    if handle.value is None:
        raise TopKLossError("the library made no loss", "TOPKLOSS_ERROR_NULL_POINTER")
    return handle.value


def _rebuild(loss: type[SomeLoss], arguments: dict[str, Any]) -> SomeLoss:
    return loss(**arguments)


class Loss:
    """A loss with all its options; the base of every loss in this package.

    Losses are immutable, may be used by many threads at once, and can be copied and pickled. Their
    options are attributes of the same names, vectors by class as read-only float64 arrays.

    Attributes:
        reduction: How row losses become one value: ``"mean"``, the mean weighted by class and
            sample weights; ``"sum"``; or ``"none"``, one value a row.
        ignore_index: Label of rows to leave out: their value and gradient are 0.
        check_finite: Whether a NaN or +inf among the logits is an error that names the row, rather
            than making the value and gradient of that row NaN.
    """

    _kind: ClassVar[str]

    reduction: Reduction
    ignore_index: int
    check_finite: bool
    _arguments: dict[str, Any]
    _handle: int
    _may_be_plain: bool

    def __init__(self, **arguments: Any) -> None:
        """Makes the loss from all its arguments by name. Called by the losses themselves."""
        values = checked(arguments)
        handle = _create(self._kind, values)
        self.__dict__.update(
            values,
            _arguments=values,
            _handle=handle,
            _may_be_plain=values["reduction"] != "none",
        )
        # At exit the system takes the memory back; a thread may still be inside a call.
        weakref.finalize(self, _destroy, handle).atexit = False

    def __call__(
        self, logits: Array, labels: Array, *, sample_weight: Array | None = None
    ) -> Value:
        """The loss of a batch.

        Args:
            logits: Scores, of shape (B, C), in float32, float64, float16 or bfloat16: a NumPy
                array or anything with the buffer protocol or DLPack in the CPU's memory. It is
                read where it is if its classes lie one after another; its rows may be any distance
                apart.
            labels: B class indices in [0, C), or ``ignore_index``, of any integer type.
            sample_weight: B finite numbers that multiply the loss of each row. Default 1.

        Returns:
            A float, or for the reduction ``"none"`` an array of B values of the logits' dtype. If
            all rows are ignored (or there are none), the mean is 0, where PyTorch gives NaN.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        return self._evaluate(logits, labels, sample_weight, gradient=False)[0]

    def value_and_grad(
        self,
        logits: Array,
        labels: Array,
        *,
        sample_weight: Array | None = None,
        out: Any = None,
    ) -> tuple[Value, Any]:
        """The loss of a batch and its gradient with respect to the logits, in one pass.

        Args:
            logits: As for calling the loss.
            labels: As for calling the loss.
            sample_weight: As for calling the loss.
            out: Receives the gradient: a writable matrix of the shape and dtype of the logits,
                perhaps the logits themselves, which are then replaced. Default: a new NumPy array.

        Returns:
            The value, as from calling the loss, and the gradient of the reduced value (for the
            reduction ``"none"``, of each row's own), of shape (B, C): ``out`` if there is one. Rows
            that are ignored have gradient 0.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value. Nothing has been written.
        """
        if out is not None and sample_weight is None and self._may_be_plain:
            value = evaluate_plain(self._handle, logits, labels, out, 0)
            if value is not None:
                return value, out
        return self._evaluate(logits, labels, sample_weight, gradient=True, out=out)

    def _evaluate(
        self, logits: Any, labels: Any, sample_weight: Any, **options: Any
    ) -> tuple[Value, Any]:
        row_values = self.reduction == "none"
        return evaluate(
            self._handle, logits, labels, sample_weight, row_values=row_values, **options
        )

    def __repr__(self) -> str:
        """The options that differ from their defaults, vectors by their length."""
        parameters = inspect.signature(type(self)).parameters
        shown = []
        for name, value in self._arguments.items():
            if isinstance(value, np.ndarray):
                shown.append(f"{name}=<{len(value)} classes>")
            elif value != parameters[name].default:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are made anew from the arguments."""
        return _rebuild, (type(self), self._arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuses: losses are immutable."""
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuses: losses are immutable."""
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be deleted")

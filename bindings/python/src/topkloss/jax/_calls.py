"""What compiled programs call: losses with their arguments in a fixed order, known by a number.

A program carries the number alone. It is made from the loss's options, so the same loss has the
same number in every process, and a program that is loaded where nobody has made its loss is told
so, rather than given another one. Calls are never forgotten, for a program may call them as long as
the process lives.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from topkloss._average_k import TwoHeadAverageKLoss
from topkloss._handle import Handle
from topkloss._noised_topk import NoisedTopKLoss
from topkloss._noised_topk_operator import NoisedTopKOperator
from topkloss._noised_topk_operator import noised_topk as evaluate_operator
from topkloss._single_positive import SinglePositiveLoss


@dataclass(frozen=True, eq=False)
class Call:
    """One way of calling a loss.

    Attributes:
        loss: The loss, with the reduction ``"none"``, or the operator.
        inputs: Names of the arrays that go in, in order; the scores, which are differentiated,
            first.
        outputs: Names of those that come out.
        row_axes: How many axes of rows the arrays have before `jax.vmap` adds any.
        key: The call's number, from everything above.
    """

    loss: Handle
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    row_axes: int
    key: int = field(init=False)

    def __post_init__(self) -> None:
        """Numbers the call."""
        object.__setattr__(self, "key", _digest(self))

    def __eq__(self, other: object) -> bool:
        """Calls are equal that do the same."""
        return isinstance(other, Call) and self.key == other.key

    def __hash__(self) -> int:
        """As equality has it."""
        return hash(self.key)

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of the scores among the inputs."""
        return tuple(name for name in self.inputs if name in ("logits", "multi_label_logits"))

    @property
    def depends_on_other_rows(self) -> bool:
        """Whether a row's value depends on the other rows of the batch."""
        return self.rows_are_coupled or isinstance(self.loss, TwoHeadAverageKLoss)

    @property
    def rows_are_coupled(self) -> bool:
        """Whether a row's value depends on other rows' scores in a way that has a derivative."""
        return isinstance(self.loss, SinglePositiveLoss) and self.loss.method == "epr"

    def with_gradient(self) -> Call:
        """The same, with the gradients of each row's own value after the other outputs."""
        gradients = [name.replace("logits", "gradient") for name in self.heads]
        return made(self.loss, self.inputs, (*self.outputs, *gradients), self.row_axes)

    def backward(self) -> Call:
        """The gradient of all rows' values, each times its upstream number."""
        return made(self.loss, (*self.inputs, "upstream"), ("gradient",), self.row_axes)


_CALLS: dict[int, Call] = {}


def _digest(call: Call) -> int:
    """64 bits that stand for the call; the chance that two of a million agree is 3e-8."""
    digest = hashlib.blake2b(type(call.loss).__name__.encode(), digest_size=8)
    for name, value in sorted(call.loss._arguments.items()):
        shown = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        digest.update(b"%s=%d:%s;" % (name.encode(), len(shown), shown))
    digest.update(repr((call.inputs, call.outputs, call.row_axes)).encode())
    return int.from_bytes(digest.digest(), "little", signed=True)


def check_classes(loss: Handle, classes: int) -> None:
    """Refuses numbers of classes that the loss is not for, by asking it to evaluate no rows."""
    rows, labels = np.empty((0, classes), np.float32), np.empty(0, np.int64)
    if isinstance(loss, NoisedTopKOperator):
        evaluate_operator(rows, loss._arguments["k"])
    elif isinstance(loss, TwoHeadAverageKLoss):
        loss(rows, rows, labels)
    elif isinstance(loss, NoisedTopKLoss):
        loss(rows, labels, step=0)
    else:
        loss(rows, labels)  # type: ignore[operator]


def made(loss: Handle, inputs: tuple[str, ...], outputs: tuple[str, ...], row_axes: int) -> Call:
    """A call, the same one for the same arguments."""
    call = Call(loss, inputs, outputs, row_axes)
    return _CALLS.setdefault(call.key, call)


def known(key: int) -> Call:
    """The call of this number."""
    call = _CALLS.get(key)
    if call is None:
        raise LookupError(
            "a compiled program calls a topkloss loss that this process has not made: trace the "
            "program here, or call the same loss once before"
        )
    return call

"""What programs call: losses with their arguments in a fixed order, compared by what they do.

Functions make a loss anew whenever they run. Calls of losses with the same options are equal, so
that JAX finds the program that it compiled for the first.
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
        key: A digest of everything above.
    """

    loss: Handle
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    row_axes: int
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Takes the digest."""
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
        return Call(self.loss, self.inputs, (*self.outputs, *gradients), self.row_axes)

    def backward(self) -> Call:
        """The gradient of all rows' values, each times its upstream number."""
        return Call(self.loss, (*self.inputs, "upstream"), ("gradient",), self.row_axes)


def _digest(call: Call) -> bytes:
    """128 bits that stand for the call."""
    digest = hashlib.blake2b(type(call.loss).__name__.encode(), digest_size=16)
    for name, value in sorted(call.loss._arguments.items()):
        shown = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        digest.update(b"%s=%d:%s;" % (name.encode(), len(shown), shown))
    digest.update(repr((call.inputs, call.outputs, call.row_axes)).encode())
    return digest.digest()


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

"""What programs call: losses with their arguments in a fixed order, compared by what they do.

Functions make a loss anew whenever they run. Calls of losses with the same options are equal, so
that JAX finds the program that it compiled for the first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from topkloss import _abi
from topkloss._address import address
from topkloss._evaluation import BATCH_SIZE, RESULT_SIZE, call
from topkloss._handle import Handle


@dataclass(frozen=True, eq=False)
class Call:
    """One way of calling a loss.

    Attributes:
        loss: The loss, with the reduction ``"none"``, or the operator.
        inputs: Names of the arrays that go in, in order; the scores, which are differentiated,
            first.
        outputs: Names of those that come out.
        row_axes: How many axes of rows the arrays have before `jax.vmap` adds any.
        gradient_scale: What multiplies the gradients.
        key: A digest of everything above.
    """

    loss: Handle
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    row_axes: int
    gradient_scale: float = 1.0
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
        return self.loss._traits.rows_are_compared(self.loss)

    @property
    def rows_are_coupled(self) -> bool:
        """Whether a row's value depends on other rows' scores in a way that has a derivative."""
        return self.loss._traits.rows_are_coupled(self.loss)

    def with_gradient(self, scale: float) -> Call:
        """The same, with the gradients of each row's own value after the other outputs."""
        gradients = [name.replace("logits", "gradient") for name in self.heads]
        return Call(self.loss, self.inputs, (*self.outputs, *gradients), self.row_axes, scale)

    def backward(self) -> Call:
        """The gradient of all rows' values, each times its upstream number."""
        return Call(self.loss, (*self.inputs, "upstream"), ("gradient",), self.row_axes)


def _digest(call: Call) -> bytes:
    """128 bits that stand for the call."""
    digest = hashlib.blake2b(type(call.loss).__name__.encode(), digest_size=16)
    for name, value in sorted(call.loss._arguments.items()):
        shown = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        digest.update(b"%s=%d:%s;" % (name.encode(), len(shown), shown))
    digest.update(repr((call.inputs, call.outputs, call.row_axes, call.gradient_scale)).encode())
    return digest.digest()


def check_classes(loss: Handle, classes: int, *, are_soft: bool) -> None:
    """Refuses classes and soft labels that the loss is not for, by having it evaluate no rows."""
    rows = np.empty((0, classes), np.float32)
    batch = _abi.batch(BATCH_SIZE, 0, classes)
    batch.logits = batch.multi_label_logits = batch.labels = address(rows)
    if are_soft:
        batch.soft_labels = address(rows)
    call(loss, batch, _abi.result(RESULT_SIZE))

"""The losses as operators of PyTorch's, so that `torch.compile` has a node for each in its graph.

Each operator has a fake form, which knows shapes and dtypes only, and its derivative; both are
functions of its arguments alone. It gives value and gradient together, as the library does, so that
the backward pass is one multiplication. Outside graphs modules call the library by a shorter way.
"""

from topkloss.torch._operators._coupled_rows import coupled_rows, coupled_rows_vjp
from topkloss.torch._operators._linear import linear_loss, linear_threshold
from topkloss.torch._operators._noised_topk import noised_topk
from topkloss.torch._operators._one_head import one_head
from topkloss.torch._operators._parts import SIGN, signed, unsigned
from topkloss.torch._operators._refused import refused
from topkloss.torch._operators._steps import given_step, take_step
from topkloss.torch._operators._two_heads import two_heads

__all__ = [
    "SIGN",
    "coupled_rows",
    "coupled_rows_vjp",
    "given_step",
    "linear_loss",
    "linear_threshold",
    "noised_topk",
    "one_head",
    "refused",
    "signed",
    "take_step",
    "two_heads",
    "unsigned",
]

"""The losses as operators of PyTorch's, so that `torch.compile` has a node for each in its graph.

Each operator has a fake form, which knows shapes and dtypes only, and its derivative; both are
functions of its arguments alone. It gives value and gradient together, as the library does, so that
the backward pass is one multiplication. Outside graphs modules call the library by a shorter way.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from topkloss._arguments import integer
from topkloss._noised_topk_operator import operator
from topkloss.errors import TopKLossError
from topkloss.torch._autograd import refuse_second_derivative
from topkloss.torch._evaluation import Evaluation
from topkloss.torch._staging import home_of, staged
from topkloss.torch._tickets import module_of

SIGN = 1 << 63
"""Unsigned 64-bit numbers are in schemas and tensors as int64 of the same bits."""


def signed(number: Any) -> Any:
    """The int64 with the bits of an unsigned number."""
    return number - 2 * SIGN if number >= SIGN else number


def _unsigned(number: int | Tensor) -> int:
    return int(number) % (2 * SIGN)


def _values(scores: Tensor, by_row: bool, dtype: torch.dtype) -> Tensor:
    return scores.new_empty(scores.shape[:1] if by_row else (), dtype=dtype)


def _or_nothing(gradient: Tensor | None, scores: Tensor) -> Tensor:
    """A gradient, or what stands for one that is not wanted: schemas know no optional results."""
    return scores.new_empty(0) if gradient is None else gradient


def _fake_gradient(scores: Tensor, wanted: bool) -> Tensor:
    return scores.new_empty(scores.shape if wanted else (0,))


def _times(gradient: Tensor, upstream: Tensor) -> Tensor:
    return gradient * (upstream[:, None] if upstream.dim() == 1 else upstream)


# Arguments that a graph is traced with, but cannot be run with


@torch.library.custom_op(
    "topkloss::refused",
    mutates_args=(),
    schema="(Tensor scores, str message, str status) -> Tensor",
)
def refused(scores: Tensor, message: str, status: str) -> Tensor:  # noqa: ARG001
    """Stands before an operator whose arguments are wrong in a way that it cannot see.

    It raises when the graph runs, since while one is traced nothing can be raised in words.
    """
    raise TopKLossError(message, status)


@refused.register_fake
def _(scores: Tensor, message: str, status: str) -> Tensor:  # noqa: ARG001
    return torch.empty_like(scores)


# Steps: which noise is drawn


@torch.library.custom_op(
    "topkloss::take_step", mutates_args=["ticket"], schema="(Tensor(a!) ticket) -> Tensor"
)
def take_step(ticket: Tensor) -> Tensor:
    """The next step of a noised loss, from the counter that it has outside graphs too.

    The ticket stays as it is, but is declared to change: so a graph may neither drop a step, nor
    merge two, nor let one overtake another.
    """
    loss: Any = module_of(ticket).loss
    return torch.tensor(signed(loss._steps.take()), dtype=torch.int64, device="cpu")


@take_step.register_fake
def _(ticket: Tensor) -> Tensor:
    return torch.empty_like(ticket)


@torch.library.custom_op("topkloss::given_step", mutates_args=(), schema="(Tensor step) -> Tensor")
def given_step(step: Tensor) -> Tensor:
    """A step of the caller's that is a tensor, and so known only when the graph runs."""
    number = integer("step", step, signed=False)
    return torch.tensor(signed(number), dtype=torch.int64, device="cpu")


@given_step.register_fake
def _(step: Tensor) -> Tensor:
    return step.new_empty((), dtype=torch.int64, device="cpu")


# Losses of one head


@torch.library.custom_op(
    "topkloss::one_head",
    mutates_args=(),
    schema="(Tensor ticket, Tensor logits, Tensor labels, Tensor? sample_weight, Tensor? noise, "
    "Tensor? step, bool by_row, bool wanted, ScalarType dtype) -> (Tensor, Tensor)",
)
def one_head(
    ticket: Tensor,
    logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    noise: Tensor | None,
    step: Tensor | None,
    by_row: bool,  # noqa: ARG001
    wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Value and, if it is wanted, gradient; the value in a dtype of its own."""
    module: Any = module_of(ticket)
    options = {} if step is None else {"noise": noise, "step": _unsigned(step)}
    evaluation = module._evaluation(logits, labels, sample_weight, value_dtype=dtype, **options)
    value, (gradient,) = evaluation.run((wanted,))
    return value, _or_nothing(gradient, logits)


@one_head.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    logits: Tensor,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
    noise: Tensor | None,  # noqa: ARG001
    step: Tensor | None,  # noqa: ARG001
    by_row: bool,
    wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    return _values(logits, by_row, dtype), _fake_gradient(logits, wanted)


def _keep_one(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:  # noqa: ARG001
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])


def _one_head_backward(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    (gradient,) = ctx.saved_tensors
    return None, _times(gradient, upstream), *[None] * 7


one_head.register_autograd(_one_head_backward, setup_context=_keep_one)


# A loss of one head whose rows depend on each other


@torch.library.custom_op(
    "topkloss::coupled_rows",
    mutates_args=(),
    schema="(Tensor ticket, Tensor logits, Tensor labels, Tensor? sample_weight) -> Tensor",
)
def coupled_rows(
    ticket: Tensor, logits: Tensor, labels: Tensor, sample_weight: Tensor | None
) -> Tensor:
    """One value a row."""
    return module_of(ticket)._evaluation(logits, labels, sample_weight).run()[0]


@coupled_rows.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    logits: Tensor,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
) -> Tensor:
    return _values(logits, True, logits.dtype)


@torch.library.custom_op(
    "topkloss::coupled_rows_vjp",
    mutates_args=(),
    schema="(Tensor ticket, Tensor logits, Tensor labels, Tensor? sample_weight, "
    "Tensor upstream) -> Tensor",
)
def coupled_rows_vjp(
    ticket: Tensor,
    logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    upstream: Tensor,
) -> Tensor:
    """The gradient of the sum of all rows' values times their upstream numbers."""
    (factors,) = staged(upstream)
    if not factors.isfinite().all():
        return torch.full_like(logits, torch.nan)
    evaluation = module_of(ticket)._evaluation(logits, labels, sample_weight)
    (gradient,) = evaluation.run((True,), factors)[1]
    return _or_nothing(gradient, logits)


@coupled_rows_vjp.register_fake
def _(
    ticket: Tensor,  # noqa: ARG001
    logits: Tensor,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
    upstream: Tensor,  # noqa: ARG001
) -> Tensor:
    return _fake_gradient(logits, True)


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    ctx.save_for_backward(*inputs)


def _coupled_backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    return None, coupled_rows_vjp(*ctx.saved_tensors, upstream), None, None


coupled_rows.register_autograd(_coupled_backward, setup_context=_keep_inputs)


# The loss of two heads


@torch.library.custom_op(
    "topkloss::two_heads",
    mutates_args=(),
    schema="(Tensor ticket, Tensor logits, Tensor multi_label_logits, Tensor labels, "
    "Tensor? sample_weight, Tensor? threshold, bool by_row, bool wanted, bool multi_label_wanted, "
    "ScalarType dtype) -> (Tensor, Tensor, Tensor, Tensor)",
)
def two_heads(
    ticket: Tensor,
    logits: Tensor,
    multi_label_logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    threshold: Tensor | None,
    by_row: bool,  # noqa: ARG001
    wanted: bool,
    multi_label_wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Value, the gradients that are wanted, and the threshold that chose the candidates."""
    evaluation = module_of(ticket)._evaluation(
        logits, labels, sample_weight, second=multi_label_logits, value_dtype=dtype
    )
    if threshold is not None:
        evaluation.threshold = float(threshold)
    value, (first, second) = evaluation.run((wanted, multi_label_wanted))
    used = torch.tensor(evaluation.threshold, dtype=torch.float64, device="cpu")
    return value, _or_nothing(first, logits), _or_nothing(second, logits), used


@two_heads.register_fake
def _(
    ticket: Tensor,
    logits: Tensor,
    multi_label_logits: Tensor,
    labels: Tensor,  # noqa: ARG001
    sample_weight: Tensor | None,  # noqa: ARG001
    threshold: Tensor | None,  # noqa: ARG001
    by_row: bool,
    wanted: bool,
    multi_label_wanted: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    gradients = (
        _fake_gradient(logits, wanted),
        _fake_gradient(multi_label_logits, multi_label_wanted),
    )
    return _values(logits, by_row, dtype), *gradients, ticket.new_empty((), dtype=torch.float64)


def _keep_two(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.wanted = inputs[7:9]
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(*output[1:3])


def _two_heads_backward(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    found = [
        _times(gradient, upstream) if wanted else None
        for gradient, wanted in zip(ctx.saved_tensors, ctx.wanted, strict=True)
    ]
    return None, *found, *[None] * 7


two_heads.register_autograd(_two_heads_backward, setup_context=_keep_two)


# The smoothed order statistic


@torch.library.custom_op(
    "topkloss::noised_topk",
    mutates_args=(),
    schema="(Tensor x, Tensor? noise, int k, float epsilon, str estimator, int n_samples, "
    "int seed, int step, bool check_finite, bool wanted) -> (Tensor, Tensor)",
)
def noised_topk(
    x: Tensor,
    noise: Tensor | None,
    k: int,
    epsilon: float,
    estimator: str,
    n_samples: int,
    seed: int,
    step: int,
    check_finite: bool,
    wanted: bool,
) -> tuple[Tensor, Tensor]:
    """One value a row of x, of shape (B, C), and if it is wanted their gradient."""
    made = operator(
        k=k,
        epsilon=epsilon,
        estimator=estimator,
        n_samples=n_samples,
        seed=_unsigned(seed),
        check_finite=check_finite,
    )
    scores, noise = staged(x, noise)
    evaluation = Evaluation(made, "x", scores, by_row=True, device=home_of(x))
    evaluation.add_noise(noise, (len(x), n_samples, x.shape[-1]))
    evaluation.add_step(_unsigned(step))
    values, (gradient,) = evaluation.run((wanted,))
    return values, _or_nothing(gradient, x)


@noised_topk.register_fake
def _(
    x: Tensor,
    noise: Tensor | None,  # noqa: ARG001
    k: int,  # noqa: ARG001
    epsilon: float,  # noqa: ARG001
    estimator: str,  # noqa: ARG001
    n_samples: int,  # noqa: ARG001
    seed: int,  # noqa: ARG001
    step: int,  # noqa: ARG001
    check_finite: bool,  # noqa: ARG001
    wanted: bool,
) -> tuple[Tensor, Tensor]:
    return _values(x, True, x.dtype), _fake_gradient(x, wanted)


def _noised_topk_backward(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    refuse_second_derivative()
    (gradient,) = ctx.saved_tensors
    return _times(gradient, upstream), *[None] * 9


noised_topk.register_autograd(_noised_topk_backward, setup_context=_keep_one)

"""How modules call the library inside `torch.compile` and `torch.export`: by operators.

Called by the modules where `torch.compiler.is_compiling`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

import topkloss.torch._operators as operators
from topkloss._steps import EVALUATION_STEP
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._base import LossModule
from topkloss.torch._tensors import of_no_gradient


def without_gradients(scores: Tensor, **constants: Tensor | None) -> Tensor:
    """The scores, if none of the other tensors requires a gradient.

    Operators do not see whether one does: its gradient would be missing without a word.
    """
    for name, value in constants.items():
        if value is not None and value.requires_grad:
            return refused(scores, of_no_gradient(name))
    return scores


def unfit(name: str, value: Any) -> str | None:
    """What is wrong with an unsigned number of 64 bits, as `topkloss._arguments.integer` says it.

    Not by that function: what raises in a graph breaks it, and `operator.index` makes constants of
    numbers that change from call to call.
    """
    if isinstance(value, float):
        value = float(value)  # a constant from here on, which text can be made of
    if not isinstance(value, int):
        return f"{name} is {value!r}; it must be an integer"
    if 0 <= value < 2 * operators.SIGN:
        return None
    return f"{name} is {int(value)}; it must be from 0 to {2 * operators.SIGN - 1}"


def _text(shape: Iterable[int]) -> str:
    """A shape in words. One that changes from call to call has no `str` in a graph."""
    sizes = [f"{size}" for size in shape]
    return f"({', '.join(sizes)})"


def refused(scores: Tensor, message: str, status: str = "TOPKLOSS_ERROR_OPTION") -> Tensor:
    """In place of the scores: raises `TopKLossError` when the graph runs."""
    stopped: Tensor = operators.refused(scores.detach(), message, status)
    return stopped


def _wanted(scores: Tensor) -> bool:
    return torch.is_grad_enabled() and scores.requires_grad


def one_head(
    module: LossModule,
    logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    noise: Tensor | None = None,
    step: Tensor | None = None,
) -> Tensor:
    """The value of a loss of one head, step an int64 if the loss is noised."""
    by_row = module._by_row
    (scores,), dtype = autocast_scores(logits, by_row=by_row, labels=labels)
    scores = without_gradients(scores, labels=labels, sample_weight=sample_weight, noise=noise)
    value: Tensor = operators.one_head(
        module._ticket,
        scores,
        labels,
        sample_weight,
        noise,
        step,
        by_row,
        _wanted(scores),
        dtype or scores.dtype,
    )[0]
    return value


def noised(
    module: LossModule,
    logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    noise: Tensor | None,
    step: Any,
) -> Tensor:
    """The same of a noised loss. Which noise to draw is as outside of graphs."""
    logits, taken = drawn_step(module, logits, noise, step)
    return one_head(module, logits, labels, sample_weight, noise, taken)


def drawn_step(
    module: LossModule, scores: Tensor, noise: Tensor | None, step: Any
) -> tuple[Tensor, Tensor]:
    """Which noise a noised loss draws, as an int64; and the scores, or what refuses the step."""
    if isinstance(step, Tensor):
        given: Tensor = operators.given_step(step)
        return scores, given
    if step is None and noise is None and module.training:
        taken: Tensor = operators.take_step(module._ticket)
        return scores, taken
    number = EVALUATION_STEP if step is None else step
    problem = unfit("step", number)
    if problem:
        scores, number = refused(scores, problem), 0
    return scores, torch.full((), operators.signed(number), dtype=torch.int64, device="cpu")


def coupled_rows(
    module: LossModule, logits: Tensor, labels: Tensor, sample_weight: Tensor | None
) -> Tensor:
    """The values of a loss by row, where rows depend on each other."""
    (scores,), _ = autocast_scores(logits, by_row=True, labels=labels)
    scores = without_gradients(scores, labels=labels, sample_weight=sample_weight)
    values: Tensor = operators.coupled_rows(module._ticket, scores, labels, sample_weight)
    return values


def two_heads(
    module: LossModule,
    logits: Tensor,
    multi_label_logits: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None,
    threshold: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The value of a loss of two heads, and the threshold that chose the candidates."""
    by_row = module._by_row
    (first, second), dtype = autocast_scores(
        logits, multi_label_logits, by_row=by_row, labels=labels
    )
    first = without_gradients(first, labels=labels, sample_weight=sample_weight)
    value, _, _, used = operators.two_heads(
        module._ticket,
        first,
        second,
        labels,
        sample_weight,
        threshold,
        by_row,
        _wanted(first),
        _wanted(second),
        dtype or first.dtype,
    )
    return value, used


def noised_topk(
    x: Tensor,
    k: int,
    epsilon: float,
    estimator: str,
    n_samples: int,
    seed: int,
    step: int,
    noise: Tensor | None,
    check_finite: bool,
) -> Tensor:
    """The smoothed order statistic of every row of x, of shape (..., C)."""
    *outer, classes = x.shape
    scores = without_gradients(x.reshape(math.prod(outer), classes), noise=noise)
    for problem in (unfit("seed", seed), unfit("step", step)):
        if problem:
            return refused(scores, problem)[:, 0].reshape(outer)
    if noise is not None:
        wanted = (*outer, n_samples, classes)
        if tuple(noise.shape) != wanted:
            problem = (
                f"noise has shape {_text(noise.shape)}; with so many rows, samples and classes it "
                f"must be {_text(wanted)}"
            )
            return refused(scores, problem, "TOPKLOSS_ERROR_SIZE")[:, 0].reshape(outer)
        noise = noise.reshape(-1, n_samples, classes)
    values: Tensor = operators.noised_topk(
        scores,
        noise,
        k,
        epsilon,
        estimator,
        n_samples,
        operators.signed(seed),
        operators.signed(step),
        check_finite,
        _wanted(scores),
    )[0]
    return values.reshape(outer)

"""Peers are timed only once they have given our answer. A disagreement ends the run."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import topkloss
from benchmarks.constants import SAMPLES, K
from benchmarks.losses import Loss, Run
from benchmarks.peers import Peer
from benchmarks.problems import Problem

# Relative to the value, and to the largest entry of the gradient.
_TOLERANCE = {"float32": 2e-4, "bfloat16": 2e-2}
_NOISE_ELEMENTS = 500_000


class DisagreementError(Exception):
    """Two implementations of a loss give different numbers."""


def _float32(matrix: Any) -> npt.NDArray[np.float32]:
    if isinstance(matrix, torch.Tensor):
        matrix = matrix.detach().float().numpy()
    return np.asarray(matrix).astype(np.float32)


def _compare(
    what: str,
    ours: tuple[Any, Any],
    theirs: tuple[Any, Any],
    tolerance: float,
    *,
    ties: bool = False,
) -> None:
    """Of gradients that depend on how ties are broken, only the norms can be compared."""
    value, expected = float(_float32(ours[0])), float(_float32(theirs[0]))
    if not abs(value - expected) <= tolerance * max(1.0, abs(expected)):
        raise DisagreementError(f"{what}: our value is {value}, theirs {expected}")
    mine = ours[1] if isinstance(ours[1], tuple) else (ours[1],)
    yours = theirs[1] if isinstance(theirs[1], tuple) else (theirs[1],)
    for gradient, other in zip(mine, yours, strict=True):
        a, b = _float32(gradient), _float32(other)
        if ties:
            a, b = (np.array([np.linalg.norm(each)]) for each in (a, b))
        gap, most = float(np.abs(a - b).max()), float(np.abs(b).max())
        if not gap <= tolerance * most:
            raise DisagreementError(f"{what}: gradients up to {most} differ by {gap}")


def check(loss: Loss, problem: Problem, peer: Peer, ours: Run) -> None:
    """Compares a peer's answer with ours. Noised losses are compared on the same noise."""
    what = f"{loss.name}, {problem.size} {problem.dtype}, {problem.rows} rows, {peer.name}"
    if peer.same:
        ties = loss.chooses and problem.dtype == "bfloat16"
        _compare(what, ours(), peer.run(), _TOLERANCE[problem.dtype], ties=ties)
    elif loss.name == "exact_noised_topk":
        _check_expectation(what, problem)
    else:
        _check_noised(what, loss, problem)


def _scores(problem: Problem, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.from_numpy(problem.logits[:rows].astype(np.float32)).requires_grad_()
    return logits, torch.from_numpy(problem.labels[:rows])


def _theirs(made: Any, logits: torch.Tensor, labels: torch.Tensor, noise: torch.Tensor) -> Any:
    """The answer of pytopk on given noise, of shape (B, C, S)."""
    functional: Any = importlib.import_module("pytopk.functional")
    operator = importlib.import_module("pytopk.noised_topk")._noised_topk
    if hasattr(made, "m_list"):
        value = functional.imbal_noised_topk_loss(
            logits, labels, K, made.m_list, made.epsilon, operator, noise, made.scale
        )
    else:
        value = functional.bal_noised_topk_loss(logits, labels, K, made.epsilon, operator, noise)
    return value, torch.autograd.grad(value, logits)[0]


def _check_noised(what: str, loss: Loss, problem: Problem) -> None:
    """Our sampled loss and pytopk's on the same noise, for as many rows as make a small array."""
    theirs: Any = importlib.import_module("pytopk")
    made = theirs.BalNoisedTopK(K, 1.0)
    if loss.name == "noised_topk_imbalanced":
        made = theirs.ImbalNoisedTopK(K, 0.1, 0.3, problem.counts)
    # Two, as a single one is a vector there.
    rows = min(problem.size.rows, max(2, _NOISE_ELEMENTS // problem.size.classes))
    logits, labels = _scores(problem, rows)
    noise = np.random.default_rng(24).standard_normal(
        (rows, SAMPLES, problem.size.classes), dtype=np.float32
    )
    expected = _theirs(made, logits, labels, torch.from_numpy(noise).transpose(1, 2).contiguous())
    ours = loss.make(problem.counts).value_and_grad(
        logits.detach().numpy(), labels.numpy(), noise=noise
    )
    _compare(what, ours, expected, 2e-5)


def _check_expectation(what: str, problem: Problem) -> None:
    """Our exact loss and the mean of so many of pytopk's samples, within six standard errors."""
    if problem.size.classes > 10_000:
        return
    rows, samples = 4, 1000
    logits, labels = _scores(problem, rows)
    made = importlib.import_module("pytopk").BalNoisedTopK(K, 1.0)
    torch.manual_seed(25)
    noise = torch.randn(rows, problem.size.classes, samples)
    value, gradient = _theirs(made, logits, labels, noise)
    ours, mine = topkloss.NoisedTopKLoss(K, estimator="exact").value_and_grad(
        logits.detach().numpy(), labels.numpy()
    )
    # The standard deviation of an order statistic is below 1, that of an indicator at most 1/2.
    if not abs(ours - float(value.detach())) <= 6 / (rows * samples) ** 0.5:
        raise DisagreementError(
            f"{what}: our value is {ours}, the mean of samples {float(value.detach())}"
        )
    gap = float(np.abs(mine - gradient.numpy()).max())
    if not gap <= 6 * 0.5 / (rows * samples**0.5):
        raise DisagreementError(f"{what}: the gradient differs from the mean of samples by {gap}")

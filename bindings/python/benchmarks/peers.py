"""The peers' calls, each ready to be timed, with its answer to be compared with ours."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.constants import SAMPLES, K
from benchmarks.formulations import MAKERS
from benchmarks.formulations_jax import makers as jax_makers
from benchmarks.losses import Loss
from benchmarks.problems import Problem

EAGER, COMPILE, JAX, PYTOPK, DIFFTOPK = "eager", "compile", "jax", "pytopk", "difftopk"
PEERS = (EAGER, COMPILE, JAX, PYTOPK, DIFFTOPK)

# What a peer is not asked to do: logits beyond which its temporaries are gigabytes or a call takes
# seconds.
_MOST = {
    ("smooth_topk_svm", EAGER): 2_000_000,
    ("smooth_topk_svm", DIFFTOPK): 300_000,
    # Its top_k takes seconds on a CPU.
    ("topk_hinge", JAX): 300_000,
}
# There a compiler has nothing left to gain over eager, and compiling takes its time.
_MOST_CLASSES = {COMPILE: 100_000}
# Its formulation takes minutes to compile: one kernel a coefficient and step.
_NOT_COMPILED = ("smooth_topk_svm",)


@dataclass(frozen=True)
class Peer:
    """A call that gives a value and the gradients, and how it is to be timed."""

    name: str
    run: Callable[[], tuple[Any, Any]]
    # Whether its answer is ours, so that it can be compared; a random one is not.
    same: bool = True
    pause: float = 0.0


def differentiated(loss: Callable[..., Tensor], labels: Tensor, *heads: Tensor) -> Any:
    """A forward and a backward pass."""

    def run() -> tuple[Tensor, Any]:
        value = loss(heads[0], labels, *heads[1:])
        gradients = torch.autograd.grad(value, heads)
        return value, gradients[0] if len(gradients) == 1 else gradients

    return run


def tensors(problem: Problem, heads: int) -> tuple[Tensor, ...]:
    """Labels and logits in PyTorch's own memory; bfloat16 is its own type there."""
    matrices = [problem.logits, problem.second][:heads]
    dtype = getattr(torch, problem.dtype)
    found = [torch.from_numpy(matrix.astype(np.float32)).to(dtype) for matrix in matrices]
    return (torch.from_numpy(problem.labels), *(each.requires_grad_() for each in found))


def _widened(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """What autocast does with losses: bfloat16 logits are made float32 first."""
    return lambda logits, labels, *rest: loss(
        logits.float(), labels, *(other.float() for other in rest)
    )


def _formulated(loss: Loss, problem: Problem) -> Callable[..., Tensor]:
    made = MAKERS[loss.name](problem.counts)
    return made if problem.dtype == "float32" else _widened(made)


def _eager(loss: Loss, problem: Problem) -> Peer | None:
    if loss.name not in MAKERS:
        return None
    return Peer(EAGER, differentiated(_formulated(loss, problem), *tensors(problem, loss.heads)))


def _compile(loss: Loss, problem: Problem) -> Peer | None:
    if loss.name not in MAKERS or loss.name in _NOT_COMPILED:
        return None
    # Code that was compiled for another size is forgotten: dynamo would give up after some.
    torch.compiler.reset()
    compiled = torch.compile(_formulated(loss, problem), dynamic=False)
    return Peer(COMPILE, differentiated(compiled, *tensors(problem, loss.heads)))


def _jax(loss: Loss, problem: Problem) -> Peer | None:
    known = jax_makers()
    if loss.name not in known:
        return None
    jax: Any = importlib.import_module("jax")
    function = jax.jit(jax.value_and_grad(known[loss.name](problem.counts)))
    logits = jax.device_put(problem.logits)
    labels = jax.device_put(problem.labels.astype(np.int32))
    return Peer(JAX, lambda: jax.block_until_ready(function(logits, labels)), pause=0.004)


def _pytopk(loss: Loss, problem: Problem) -> Peer | None:
    theirs: Any = importlib.import_module("pytopk")
    if loss.name in ("noised_topk", "exact_noised_topk"):
        made = theirs.BalNoisedTopK(k=K, epsilon=1.0, n_sample=SAMPLES)
    elif loss.name == "noised_topk_imbalanced":
        made = theirs.ImbalNoisedTopK(K, 0.1, 0.3, problem.counts, scale=50, n_sample=SAMPLES)
    else:
        return None
    return Peer(PYTOPK, differentiated(made, *tensors(problem, 1)), same=False)


def _difftopk(loss: Loss, problem: Problem) -> Peer | None:
    if loss.name != "smooth_topk_svm":
        return None
    with contextlib.redirect_stdout(None):  # it prints what else could be installed
        theirs: Any = importlib.import_module("difftopk")
    made = theirs.SmoothTopKLoss(problem.size.classes, K)
    return Peer(DIFFTOPK, differentiated(made, *tensors(problem, 1)))


_MAKERS = {EAGER: _eager, COMPILE: _compile, JAX: _jax, PYTOPK: _pytopk, DIFFTOPK: _difftopk}


def peers_of(loss: Loss, problem: Problem, wanted: tuple[str, ...]) -> Iterator[Peer]:
    """Those that compute this loss, made one after another."""
    for name in wanted:
        if problem.size.elements > _MOST.get((loss.name, name), problem.size.elements):
            continue
        if problem.size.classes > _MOST_CLASSES.get(name, problem.size.classes):
            continue
        peer = _MAKERS[name](loss, problem)
        if peer is not None:
            yield peer

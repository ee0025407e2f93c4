"""The training loop, as anybody would write it, and what share of it the loss takes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import geonames_demo  # noqa: F401
import numpy as np
import scipy.sparse  # type: ignore[import-untyped]
import torch
from network import Bags, Network
from numpy.typing import NDArray
from settings import Settings
from topkloss.class_weights import deferred, effective_number
from torch import Tensor, nn
from training import REMEMBERED

PROBED = 5
"""Of so many training steps, the loss of one is timed: enough that first calls, which look at more, are few."""


@dataclass(frozen=True)
class Options:
    """What can be asked for besides the demo's own settings."""

    drw: int | None = None
    """The epoch, from 1, from which on rare classes have more weight."""

    autocast: bool = False
    compiled: bool = False


@dataclass(frozen=True)
class Timing:
    """Where a training's seconds went.

    Medians, since the first steps compile graphs and start threads, and others share the machine.
    """

    seconds: float
    step: float
    """Median of a step's seconds."""

    loss: float
    """Median of the loss's in a step: its forward pass, and its part of the backward pass."""

    @property
    def share(self) -> float:
        """The part of a step that is spent in the loss."""
        return self.loss / self.step


def train(
    network: Network,
    criterion: nn.Module,
    features: scipy.sparse.csr_array,
    labels: NDArray[np.int64],
    settings: Settings,
    options: Options,
    after_batch: Callable[[int, float], None],
) -> Timing:
    """Train the network in place on features (N, V) and labels (N,).

    after_batch is called with the number of rows of the batch and the running loss.
    """
    # Of the table, only the rows that a batch touches have a gradient, and move.
    optimizers = [
        torch.optim.SparseAdam(network.bag.parameters(), lr=settings.learning_rate),
        torch.optim.Adam(network.rest.parameters(), lr=settings.learning_rate),
    ]
    weights = effective_number(np.bincount(labels))

    def value_of(embedded: Tensor, batch_labels: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.autocast):
            value: Tensor = criterion(*network.rest(embedded), batch_labels)
            return value

    # One graph from the embeddings to the value, the loss inside.
    forward = torch.compile(value_of, fullgraph=True) if options.compiled else value_of

    # So that the noise of the training is what it would be without timing.
    alone = copy.deepcopy(criterion)

    random = np.random.default_rng(settings.seed)
    running_loss: float | None = None
    step_seconds: list[float] = []
    loss_seconds: list[float] = []
    started = perf_counter()
    for epoch in range(settings.epochs):
        if options.drw is not None:
            # Counted from 0 here. A graph goes on as it is: weights are nothing that it knows.
            new = deferred(weights, epoch=epoch, start=options.drw - 1)
            criterion.set_class_weight(new)  # type: ignore[operator]
        # One shuffled copy an epoch, so that a batch is a slice of neighbouring rows.
        order = random.permutation(len(labels))
        shuffled, shuffled_labels = features[order], torch.from_numpy(labels[order])
        for start in range(0, len(labels), settings.batch_size):
            before = perf_counter()
            stop = min(start + settings.batch_size, len(labels))
            bags, batch_labels = Bags.of(shuffled[start:stop]), shuffled_labels[start:stop]
            for optimizer in optimizers:
                optimizer.zero_grad()
            value = forward(network.embedded(bags), batch_labels)
            value.backward()  # type: ignore[no-untyped-call]
            for optimizer in optimizers:
                optimizer.step()
            number = value.item()
            step_seconds.append(perf_counter() - before)

            if len(step_seconds) % PROBED == 0:
                loss_seconds.append(_seconds_in_loss(network, alone, bags, batch_labels, options))
            if running_loss is None:
                running_loss = number
            running_loss += (1 - REMEMBERED) * (number - running_loss)
            after_batch(stop - start, running_loss)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] *= settings.learning_rate_decay
    return Timing(perf_counter() - started, _median(step_seconds), _median(loss_seconds))


def _seconds_in_loss(
    network: Network, criterion: nn.Module, bags: Bags, labels: Tensor, options: Options
) -> float:
    """The time of the loss on a batch's logits: of its value, and of its own node in autograd's graph.

    Its node is called by itself, since what autograd takes to begin a backward pass is not the
    loss's: in a training step, it begins one for the whole network.
    """
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.autocast):
        with torch.no_grad():
            heads = network(bags)
        inputs = [head.detach().requires_grad_() for head in heads]
        before = perf_counter()
        value = criterion(*inputs, labels)
        forward = perf_counter() - before
    upstream = torch.ones_like(value)
    with torch.no_grad():
        before = perf_counter()
        value.grad_fn.apply(upstream)
        return forward + perf_counter() - before


def _median(seconds: list[float]) -> float:
    return float(np.median(seconds)) if seconds else float("nan")

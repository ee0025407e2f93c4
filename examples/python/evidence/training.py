"""One training: the same for every loss but for what its method sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from models import Network
from subjects import Subject
from topkloss.class_weights import deferred, effective_number
from torch import Tensor, nn

RE_WEIGHTED_FROM = 0.8
"""When deferred class weights begin, as a part of the epochs: 160 of 200 in LDAM's paper."""


def train(
    network: Network,
    criterion: nn.Module,
    objective: Callable[[nn.Module, Tensor, Tensor], Tensor],
    subject: Subject,
    *,
    learning_rate: float,
    deferred_weights: bool,
    seed: int,
) -> None:
    """Train in place. objective: the loss's value from logits and labels."""
    inputs, labels = subject.training.inputs, subject.training.labels
    rows = len(labels)
    steps = subject.epochs * -(-rows // subject.batch_size)
    optimizer = torch.optim.Adam(network.groups(learning_rate), lr=learning_rate, fused=True)
    pace = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step / steps))
    random = np.random.default_rng(seed)
    network.train()
    for epoch in range(subject.epochs):
        if deferred_weights:
            weights = effective_number(subject.counts())
            start = round(RE_WEIGHTED_FROM * subject.epochs)
            criterion.set_class_weight(deferred(weights, epoch=epoch, start=start))  # type: ignore[operator]
        order = random.permutation(rows)
        shuffled, targets = inputs[order], torch.from_numpy(labels[order])
        for begin in range(0, rows, subject.batch_size):
            batch = slice(begin, begin + subject.batch_size)
            value = objective(criterion, network(shuffled[batch]), targets[batch])
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            pace.step()


def _pace(done: float) -> float:
    """Up over the first twentieth of the steps, then down as a cosine: a factor of Adam's rate."""
    return min(1.0, 20 * done + 0.01) * 0.5 * (1 + float(np.cos(np.pi * min(done, 1.0))))

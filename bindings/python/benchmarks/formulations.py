"""The losses in PyTorch, as somebody who knows PyTorch would write them, and checked against ours.

Each maker takes the counts of classes and gives a function of logits and labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from benchmarks.constants import EXPECTED, GAMMA, SOFTMAX_MARGIN, Counts, K, Terms, teacher

TorchLoss = Callable[..., Tensor]
Maker = Callable[[Counts], TorchLoss]

# Stands for the logarithm of 0 where infinity would make gradients NaN.
_NO_CLASS = -1e9


def _tensor(vector: Counts) -> Tensor:
    return torch.from_numpy(vector).float()


def _of_label(scores: Tensor, labels: Tensor) -> Tensor:
    return scores.gather(1, labels[:, None]).squeeze(1)


def _lowered(logits: Tensor, labels: Tensor, margin: Tensor) -> Tensor:
    """The logits, those of the labels less their margins."""
    return logits.scatter_add(1, labels[:, None], -margin[:, None])


MAKERS: dict[str, Maker] = {}


def _formulation(maker: Maker) -> Maker:
    MAKERS[maker.__name__] = maker
    return maker


def softmax_margin(terms: Terms) -> TorchLoss:
    """PyTorch's own cross-entropy, on a transformed row where there is something to transform."""
    vectors = terms.offset, terms.factor, terms.margin
    offset, factor, margin = (None if each is None else _tensor(each) for each in vectors)
    if offset is None and margin is None:
        return F.cross_entropy

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        scores = logits
        if factor is not None:
            assert offset is not None
            scores = torch.addcmul(offset, logits, factor)
        elif offset is not None:
            scores = logits + offset
        if margin is not None:
            taken = margin[labels]
            if terms.rival:
                rival = logits.detach().scatter(1, labels[:, None], -torch.inf).argmax(1)
                taken = taken - margin[rival]
            scores = _lowered(scores, labels, taken)
        if terms.scale != 1:
            scores = terms.scale * scores
        return F.cross_entropy(scores, labels)

    return loss


def _member(terms: Callable[[Counts], Terms]) -> Maker:
    return lambda counts: softmax_margin(terms(counts))


MAKERS |= {name: _member(terms) for name, terms in SOFTMAX_MARGIN.items()}


@_formulation
def seesaw(counts: Counts) -> TorchLoss:
    """Wang et al.'s, p = 0.8 and q = 2."""
    mitigation = 0.8 * _tensor(counts).log()

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            log = F.log_softmax(logits, 1)
            own = _of_label(log, labels).clamp(min=math.log(0.01))
            offset = (mitigation - mitigation[labels][:, None]).clamp(max=0)
            offset += 2 * (log - own[:, None]).clamp(min=0)
            offset.scatter_(1, labels[:, None], 0)
        return F.cross_entropy(logits + offset, labels)

    return loss


@_formulation
def focal(_: Counts) -> TorchLoss:
    """Lin et al.'s."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        log = -F.cross_entropy(logits, labels, reduction="none")
        return -((1 - log.exp()) ** GAMMA * log).mean()

    return loss


@_formulation
def topk_hinge(_: Counts) -> TorchLoss:
    """Yang and Koyejo's."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        rival = logits.topk(K + 1, dim=1).values[:, K]
        return F.relu(1 + rival - _of_label(logits, labels)).mean()

    return loss


@_formulation
def outlying_mse(counts: Counts) -> TorchLoss:
    """Kato and Hotta's regression."""
    taught = _tensor(teacher(counts))

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return _lowered(logits, labels, taught[labels]).square().mean()

    return loss


@_formulation
def two_head(_: Counts) -> TorchLoss:
    """Garcin et al.'s for average-K: candidates of one head are targets of the other."""

    def loss(logits: Tensor, labels: Tensor, second: Tensor) -> Tensor:
        chosen = logits.detach().softmax(1).flatten().topk(K * len(logits), sorted=False).indices
        targets = torch.zeros_like(second)
        targets.view(-1)[chosen] = 1
        targets.scatter_(1, labels[:, None], 1)
        multi_label = F.binary_cross_entropy_with_logits(second, targets)
        return F.cross_entropy(logits, labels) + multi_label

    return loss


@_formulation
def assume_negative(_: Counts) -> TorchLoss:
    """Cole et al.'s baseline. -log f = softplus(z) - z spares a matrix of targets."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return F.softplus(logits).mean() - _of_label(logits, labels).mean() / logits.shape[1]

    return loss


@_formulation
def weak_assume_negative(_: Counts) -> TorchLoss:
    """The same with lighter negatives."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        classes = logits.shape[1]
        right = _of_label(logits, labels)
        negatives = F.softplus(logits).sum(1) - F.softplus(right)
        return (F.softplus(-right) + negatives / (classes - 1)).mean() / classes

    return loss


@_formulation
def expected_positive(_: Counts) -> TorchLoss:
    """The same with a penalty on the number of positives."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        surplus = (logits.sigmoid().sum(1).mean() - EXPECTED) / logits.shape[1]
        return F.softplus(-_of_label(logits, labels)).mean() + surplus.square()

    return loss


def _product(a: list[Tensor], b: list[Tensor], most: int) -> list[Tensor]:
    """Coefficients of the product of two polynomials up to a degree, all in logarithms."""
    degrees = range(min(most, len(a) + len(b) - 2) + 1)
    pairs = [[(i, n - i) for i in range(len(a)) if 0 <= n - i < len(b)] for n in degrees]
    return [torch.stack([a[i] + b[j] for i, j in each]).logsumexp(0) for each in pairs]


def log_symmetric(logs: Tensor, most: int) -> list[Tensor]:
    """Logarithms of the elementary symmetric polynomials of degree 0 to ``most`` of every row.

    Neighbours are multiplied, then the products, and so on: as many steps as the number of classes
    has binary digits.
    """
    product = [torch.zeros_like(logs), logs]
    left: list[list[Tensor]] = []
    while product[0].shape[1] > 1:
        if product[0].shape[1] % 2:
            left.append([c[:, -1:] for c in product])
            product = [c[:, :-1] for c in product]
        half = product[0].shape[1] // 2
        product = _product([c[:, :half] for c in product], [c[:, half:] for c in product], most)
    for other in left:
        product = _product(product, other, most)
    return [c.squeeze(1) for c in product]


@_formulation
def smooth_topk_svm(_: Counts) -> TorchLoss:
    """Berrada et al.'s, in logarithms, by divide and conquer as in their paper."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        logs = logits / K
        sigma = log_symmetric(logs.scatter(1, labels[:, None], _NO_CLASS), K)
        return F.softplus(1 + sigma[K] - sigma[K - 1] - _of_label(logs, labels)).mean()

    return loss

"""Average-K and learning from one positive label in float64 NumPy, by sorting whole batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import reference
from scipy.special import expit, logsumexp

Array = np.ndarray[Any, np.dtype[Any]]


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def finite_rows(logits: Array) -> Array:
    return ~(np.isnan(logits) | np.isposinf(logits)).any(axis=1)


def best_pairs(scores: Array, k: float) -> Array:
    """Which (row, class) pairs are the round(B K) best, of equal ones the first in memory."""
    scores = np.asarray(scores, np.float64)
    keep = round(len(scores) * k)
    order = np.argsort(-scores.ravel(), kind="stable")  # NaN comes last
    kept = np.zeros(scores.size, bool)
    kept[order[:keep]] = True
    return (kept & ~np.isnan(scores.ravel())).reshape(scores.shape)


def threshold(scores: Array, k: float) -> float:
    """The midpoint of the last kept score and the first that is not; infinite if one is missing."""
    ranked = np.sort(np.asarray(scores, np.float64)[~np.isnan(scores)])[::-1]
    keep = round(len(scores) * k)
    if keep == 0:
        return np.inf
    if keep >= len(ranked):
        return -np.inf
    return float(ranked[keep - 1] / 2 + ranked[keep] / 2)


def average_k_accuracy(
    scores: Array, labels: Array, k: float, average: str = "micro", ignore_index: int = -100
) -> float:
    counted = np.asarray(labels) != ignore_index
    if not counted.any():
        return 0.0
    kept, labels = best_pairs(np.asarray(scores)[counted], k), np.asarray(labels)[counted]
    hits = kept[np.arange(len(labels)), labels]
    if average == "micro":
        return float(hits.mean())
    return float(np.mean([hits[labels == c].mean() for c in np.unique(labels)]))


def two_head(
    logits: Array,
    multi_label_logits: Array,
    labels: Array,
    *,
    k: float,
    candidate_weight: float = 1.0,
    multi_label_weight: float = 1.0,
    class_reduction: str = "mean",
    threshold_decay: float = 0.0,
    before: float = 0.0,
    sample_weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> tuple[Any, Array, Array, float]:
    """Value(s), both gradients, and the threshold that chose the candidates."""
    z, g = (np.asarray(head, np.float64) for head in (logits, multi_label_logits))
    labels = np.asarray(labels)
    rows, classes = z.shape
    good = finite_rows(z) & finite_rows(g)
    used = np.flatnonzero(good & (labels != ignore_index))
    with np.errstate(invalid="ignore"):
        p = np.exp(z - logsumexp(z, axis=1, keepdims=True))
    candidates = np.zeros((rows, classes), bool)
    # Of probabilities; infinity would stay in a moving average for ever.
    found = float(np.clip(threshold(p[used], k), 0, 1))
    if threshold_decay and before:
        found = threshold_decay * before + (1 - threshold_decay) * found
        candidates[used] = p[used] >= found
    else:
        candidates[used] = best_pairs(p[used], k)

    divisor = classes if class_reduction == "mean" else 1
    of_softmax, of_multi_label = [], []
    for i in range(rows):
        y = 0 if labels[i] == ignore_index else int(labels[i])
        if not good[i]:
            bad = (np.nan, np.full(classes, np.nan))
            of_softmax.append(bad)
            of_multi_label.append(bad)
            continue
        of_softmax.append(reference.softmax_margin_row(z[i], y))
        target = candidates[i].copy()
        target[y] = True
        omega = np.where(target, candidate_weight, 1.0)
        omega[y] = 1
        cost = np.where(target, softplus(-g[i]), softplus(g[i]))
        cost = np.sum(omega[omega > 0] * cost[omega > 0])
        slope = omega * (expit(g[i]) - target)
        weight = multi_label_weight / divisor
        total = weight * cost if weight else 0.0
        of_multi_label.append((total, weight * slope))
    options = {
        "sample_weight": sample_weight,
        "reduction": reduction,
        "ignore_index": ignore_index,
    }
    value, gradient = reference.reduced(of_softmax, labels, **options)
    other_value, other_gradient = reference.reduced(of_multi_label, labels, **options)
    return value + other_value, gradient, other_gradient, found


def single_positive_row(z: Array, y: int, *, weak: bool = False) -> tuple[float, Array]:
    """Assume negative, and weakly so."""
    if np.isnan(z).any() or np.isposinf(z).any():
        return np.nan, np.full(len(z), np.nan)
    z = z.astype(np.float64)
    classes = len(z)
    weights = np.full(classes, 1 / (classes - 1) if weak and classes > 1 else 1.0)
    weights[y] = 1
    signed = z.copy()
    signed[y] *= -1
    value = np.sum(weights * softplus(signed)) / classes
    gradient = weights * expit(z)
    gradient[y] = -expit(-z[y])
    return float(value), gradient / classes


def expected_positive(
    logits: Array,
    labels: Array,
    *,
    expected_positives: float,
    regularization: float = 1.0,
    upstream: Array | None = None,
    sample_weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> tuple[Any, Array]:
    """Expected-positive regularisation: value(s) and gradient of a batch without bad rows.

    With upstream, the gradient of the rows' values times it.
    """
    z, labels = np.asarray(logits, np.float64), np.asarray(labels)
    classes = z.shape[1]
    v = np.ones(len(z)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    v = np.where(labels == ignore_index, 0.0, v)
    f = expit(z)
    total = v.sum()
    off = (v @ f.sum(axis=1) / total - expected_positives) / classes if total else 0.0
    rows = []
    for i in range(len(z)):
        y = 0 if labels[i] == ignore_index else int(labels[i])
        gradient = np.zeros(classes)
        gradient[y] = -expit(-z[i, y])
        rows.append((softplus(-z[i, y]) + regularization * off**2, gradient))
    value, gradient = reference.reduced(
        rows, labels, sample_weight=v, reduction=reduction, ignore_index=ignore_index
    )
    if upstream is not None:
        penalised = float(upstream @ v) / total if total else 0.0
        slope = regularization * 2 * off / classes * penalised * v[:, None] * f * expit(-z)
        return value, gradient * upstream[:, None] + slope
    # The penalty is in every row's loss, so its slope counts as often as rows do.
    slope = regularization * 2 * off / classes * v[:, None] * f * expit(-z)
    if reduction == "mean":
        slope = slope / total if total else slope * 0
    return value, gradient + slope

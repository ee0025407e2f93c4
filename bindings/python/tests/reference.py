"""The losses in float64 NumPy, one row at a time, written from their definitions.

Nothing here uses the library, and nothing is fast or clever: sums are over whole rows, order
statistics come from sorting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import logsumexp

Array = np.ndarray[Any, np.dtype[Any]]


def frequencies(counts: Array) -> Array:
    return np.asarray(counts, np.float64) / np.sum(counts, dtype=np.float64)


def margins(counts: Array, max_margin: float) -> Array:
    """Margins that shrink with the fourth root of the count; the rarest class has max_margin."""
    roots = np.asarray(counts, np.float64) ** -0.25
    return max_margin * roots / roots.max()


def softmax_margin_row(
    z: Array,
    y: int,
    *,
    scale: float = 1.0,
    offset: Array | None = None,
    margin: Array | None = None,
    class_scale: Array | None = None,
    lam: float = 0.0,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
) -> tuple[float, Array]:
    """Value and gradient of u = s (d z + a - [j = y] (b_y - lam b_r)), cross-entropy of u and y."""
    classes = len(z)
    if np.isnan(z).any() or np.isposinf(z).any():
        return np.nan, np.full(classes, np.nan)
    w = np.ones(classes) if class_weight is None else np.asarray(class_weight, np.float64)
    d = np.ones(classes) if class_scale is None else np.asarray(class_scale, np.float64)
    u = d * z.astype(np.float64)
    if offset is not None:
        u = u + offset
    if margin is not None:
        lowered = margin[y]
        if lam and classes > 1:
            others = u_without(z, y)
            lowered = lowered - lam * margin[int(np.argmax(others))]
        u[y] -= lowered
    u = scale * u
    masked = np.isneginf(z)
    # What each class's -log p is multiplied by.
    target = label_smoothing / classes * w
    target[y] += (1 - label_smoothing) * w[y]
    if masked.all():
        return (np.inf if target.any() else 0.0), np.zeros(classes)
    u = u - u.max()
    total = logsumexp(u)
    p = np.where(masked, 0.0, np.exp(u - total))
    with np.errstate(invalid="ignore"):
        value = np.sum(np.where(target > 0, target * (total - u), 0.0))
    gradient = scale * d * (target.sum() * p - target)
    gradient[masked] = 0.0
    return float(value), gradient


def seesaw_row(
    z: Array, y: int, *, counts: Array, p: float, q: float, **weights: Any
) -> tuple[float, Array]:
    """Cross-entropy of z + p min(0, log(n / n_y)) + q max(0, log(sigma / max(sigma_y, 0.01)))."""
    logs = np.log(np.asarray(counts, np.float64))
    added = p * np.minimum(0, logs - logs[y])
    total = logsumexp(z.astype(np.float64))
    if np.isfinite(total):
        log_sigma = z.astype(np.float64) - total
        added += q * np.maximum(0, log_sigma - max(log_sigma[y], np.log(0.01)))
    added[y] = 0
    return softmax_margin_row(z, y, offset=added, **weights)


def soft_row(
    row: Callable[..., tuple[float, Array]],
    z: Array,
    q: Array,
    *,
    class_weight: Array | None = None,
    label_smoothing: float = 0.0,
) -> tuple[float, Array]:
    """Value and gradient of soft labels: each class's own row as a label, times its share."""
    classes = len(z)
    q = q.astype(np.float64)
    if not np.all((q >= 0) & np.isfinite(q)):
        return np.nan, np.full(classes, np.nan)
    shares = (1 - label_smoothing) * q + label_smoothing / classes
    value, gradient = 0.0, np.zeros(classes)
    bad = np.isnan(z).any() or np.isposinf(z).any()
    for y in np.flatnonzero(shares) if not bad else [0]:
        weight = 1.0 if class_weight is None else class_weight[y]
        if shares[y] * weight or bad:
            own, slope = row(z, int(y))
            value += shares[y] * weight * own
            gradient += shares[y] * weight * slope
    return value, gradient


def focal_row(
    z: Array, y: int, *, gamma: float, class_weight: Array | None = None
) -> tuple[float, Array]:
    """Value and gradient of w_y (1 - p_y)^gamma (-log p_y)."""
    classes = len(z)
    if np.isnan(z).any() or np.isposinf(z).any():
        return np.nan, np.full(classes, np.nan)
    w = 1.0 if class_weight is None else float(class_weight[y])
    z = z.astype(np.float64)
    if np.isneginf(z).all():
        return (np.inf if w else 0.0), np.zeros(classes)
    z = z - z.max()
    p = np.exp(z - logsumexp(z))
    if np.isneginf(z[y]):  # p_y = 0: as cross-entropy
        return (np.inf if w else 0.0), w * p
    # The others' sum, since 1 - p_y would lose what is left when p_y is near 1.
    wrong = float(np.sum(np.delete(p, y)))
    surprise = float(logsumexp(z) - z[y]) if p[y] < 0.5 else -np.log1p(-wrong)
    value = w * wrong**gamma * surprise
    # d value / d log p_y, times d log p_y / d z_j = [j = y] - p_j.
    slope = -(wrong**gamma)
    if gamma and wrong:
        slope += gamma * wrong ** (gamma - 1) * p[y] * -surprise
    gradient = -w * slope * p
    gradient[y] = w * slope * wrong
    return value, gradient


def outlying_teacher(counts: Array, alpha: float = 1.0) -> Array:
    """Ranks by decreasing count, of equal counts the lower index first, times alpha."""
    ranked = sorted(range(len(counts)), key=lambda c: (-counts[c], c))
    teacher = np.empty(len(counts))
    for rank, c in enumerate(ranked):
        teacher[c] = alpha * (rank + 1)
    return teacher


def outlying_mse_row(z: Array, y: int, *, teacher: Array) -> tuple[float, Array]:
    """Value and gradient of the mean of (z_j - [j = y] t_y)^2."""
    classes = len(z)
    if np.isnan(z).any() or np.isposinf(z).any():
        return np.nan, np.full(classes, np.nan)
    difference = z.astype(np.float64)
    difference[y] -= teacher[y]
    return float(np.mean(difference**2)), 2 * difference / classes


def u_without(z: Array, y: int) -> Array:
    others = z.astype(np.float64)
    others[y] = -np.inf
    return others


def reduced(
    rows: list[tuple[float, Array]],
    labels: Array,
    *,
    class_weight: Array | None = None,
    sample_weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> tuple[Any, Array]:
    """Value(s) and gradient of a batch, from those of its rows, which contain the class weights."""
    labels = np.asarray(labels)
    v = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    counted = labels != ignore_index
    w = np.zeros(len(labels))
    w[counted] = 1.0 if class_weight is None else np.asarray(class_weight)[labels[counted]]
    # A weight of 0 takes an infinite row out, but not one that is no number.
    in_use = counted & ((v != 0) | np.isnan([value for value, _ in rows]).reshape(len(rows)))
    values = np.array([v[i] * rows[i][0] if in_use[i] else 0.0 for i in range(len(rows))])
    gradient = np.array(
        [v[i] * g if in_use[i] else np.zeros_like(g) for i, (_, g) in enumerate(rows)]
    )
    if reduction == "none":
        return values, gradient
    if reduction == "sum":
        return float(values.sum()), gradient
    total = float((v * w).sum())
    if total == 0:
        return 0.0, np.zeros_like(gradient)
    return float(values.sum() / total), gradient / total


def softmax_margin(
    logits: Array,
    labels: Array,
    *,
    sample_weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    **options: Any,
) -> tuple[Any, Array]:
    """Value(s) and gradient of a batch of a member of the softmax-margin family."""
    rows = [
        softmax_margin_row(z, 0 if y == ignore_index else int(y), **options)
        for z, y in zip(logits, labels, strict=True)
    ]
    return reduced(
        rows,
        labels,
        class_weight=options.get("class_weight"),
        sample_weight=sample_weight,
        reduction=reduction,
        ignore_index=ignore_index,
    )


def topk_accuracy(
    scores: Array, labels: Array, k: int = 1, average: str = "micro", ignore_index: int = -100
) -> float:
    """Share of rows with fewer than k classes above the label, or tied with a lower index."""
    hits: dict[int, list[bool]] = {}
    for z, y in zip(np.asarray(scores, np.float64), labels, strict=True):
        if y == ignore_index:
            continue
        before = sum(z[j] > z[y] or (z[j] == z[y] and j < y) for j in range(len(z)))
        if np.isnan(z[y]):  # in no top K that leaves a class out
            before = len(z) - 1
        hits.setdefault(int(y), []).append(bool(before < k))
    if not hits:
        return 0.0
    if average == "macro":
        return float(np.mean([np.mean(rows) for rows in hits.values()]))
    return float(np.mean([hit for rows in hits.values() for hit in rows]))

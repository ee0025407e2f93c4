"""The top-K family in float64 NumPy, written from the definitions and from nothing else.

The smoothed order statistic is a trapezoid rule with ten times the nodes that it needs, over the
plain polynomial product of the distribution of how many scores exceed a threshold.
"""

from __future__ import annotations

from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
from scipy.special import log_ndtr, logsumexp, ndtr

Array = np.ndarray[Any, np.dtype[Any]]

_SQRT_2_PI = sqrt(2 * np.pi)


def _is_bad(z: Array) -> bool:
    return bool(np.isnan(z).any() or np.isposinf(z).any())


def hinge_row(z: Array, y: int, *, k: int, margin: float = 1.0) -> tuple[float, Array]:
    """Value and subgradient of (margin + z_[k+1] - z_y)+, by sorting."""
    z = z.astype(np.float64)
    gradient = np.zeros(len(z))
    if _is_bad(z):
        return np.nan, np.full(len(z), np.nan)
    rival = np.sort(z)[::-1][k]
    if np.isneginf(rival):  # fewer than k + 1 classes are there
        return 0.0, gradient
    hinge = margin + rival - z[y]
    if not hinge > 0:
        return 0.0, gradient
    gradient[np.flatnonzero(z == rival)[0]] += 1
    gradient[y] -= 1
    return float(hinge), gradient


def noised_row(
    z: Array,
    y: int,
    noise: Array,
    *,
    k: int,
    epsilon: float,
    margin: float = 1.0,
    scale: float = 1.0,
) -> tuple[float, Array]:
    """Value and gradient on given noise (samples x classes).

    The noised scores are formed in the dtype of the noise, one rounding for the product and one for
    the sum; from there on it is float64.
    """
    classes = len(z)
    if _is_bad(z) or np.isnan(noise).any():
        return np.nan, np.full(classes, np.nan)
    arithmetic = noise.dtype.type
    scores = z.astype(arithmetic) + arithmetic(epsilon) * noise
    statistic = 0.0
    share = np.zeros(classes)
    for sample in scores:
        rank_value = np.sort(sample)[::-1][k]
        holder = int(np.flatnonzero(sample == rank_value)[0])  # the lowest index among equals
        statistic += float(rank_value) / len(scores)
        share[holder] += 1 / len(scores)
    hinge = margin + statistic - float(z[y])
    if not hinge > 0:
        return 0.0, np.zeros(classes)
    share[y] -= 1
    return scale * hinge, scale * share


# ---- the smoothed order statistic


def nodes_of(z: Array, rank: int, epsilon: float, step: float) -> Array:
    """Thresholds, ``step * epsilon`` apart, beyond which the rank-th largest score never lies.

    Below them the ``rank`` strongest are all higher, above them all others are lower, but for a
    probability of 1e-20 times their number.
    """
    middle = np.sort(z)[::-1][rank - 1]
    reach = 10 + sqrt(2 * np.log(len(z)))
    # Multiples of the step: adding it up would make it shorter by a few ulp of 10.
    return np.asarray(middle + epsilon * (np.arange((10 + reach) / step) * step - 10))


def exceedances(z: Array, t: Array, epsilon: float, most: int) -> Array:
    """P(N(t) = n) for n = 0 .. most, N the number of noised scores above t: (most + 1, nodes)."""
    found = np.zeros((most + 1, len(t)))
    found[0] = 1
    for score in z:
        above, below = ndtr((score - t) / epsilon), ndtr((t - score) / epsilon)
        raised = found[:-1] * above
        found *= below
        found[1:] += raised
    return found


def order_statistic(z: Array, rank: int, epsilon: float, step: float = 0.02) -> float:
    """E of the rank-th largest (from 1) entry of z + epsilon Z."""
    z = z[~np.isneginf(z)].astype(np.float64)
    if len(z) < rank:
        return -np.inf
    if 2 * rank > len(z) + 1:  # counted from the smallest there are fewer
        return -order_statistic(-z, len(z) + 1 - rank, epsilon, step)
    centre = np.sort(z)[::-1][rank - 1]
    t = nodes_of(z - centre, rank, epsilon, step)
    fewer = exceedances(z - centre, t, epsilon, rank - 1).sum(axis=0)
    inside = (fewer.sum() - (fewer[0] + fewer[-1]) / 2) * step * epsilon
    return float(centre + (t[-1] - inside))


def rank_probabilities(
    z: Array, rank: int, epsilon: float, step: float = 0.02, only: Array | None = None
) -> Array:
    """P(class j holds that rank), for all classes or for some: the gradient of the above.

    Without class j: by the plain product of all others for few classes, else by products of those
    before it and those after it.
    """
    kept = np.flatnonzero(~np.isneginf(z))
    scores = z[kept].astype(np.float64)
    found = np.zeros(len(z))
    if len(kept) < rank:
        return found if only is None else found[only]
    if 2 * rank > len(kept) + 1:
        some = None if only is None else np.searchsorted(kept, only)
        turned = rank_probabilities(-scores, len(kept) + 1 - rank, epsilon, step, some)
        if only is not None:
            return turned
        found[kept] = turned
        return found
    scores -= np.sort(scores)[::-1][rank - 1]
    t = nodes_of(scores, rank, epsilon, step)
    most = rank - 1

    def density(score: float) -> Array:
        return np.asarray(np.exp(-(((t - score) / epsilon) ** 2) / 2) / _SQRT_2_PI * step)

    if only is not None or len(scores) <= 12:
        wanted = range(len(kept)) if only is None else np.searchsorted(kept, only)
        for j in wanted:
            others = exceedances(np.delete(scores, j), t, epsilon, most)
            found[kept[j]] = np.sum(density(scores[j]) * others[most])
        return found if only is None else found[only]

    before = np.zeros((len(scores), most + 1, len(t)))
    before[0, 0] = 1
    for j, score in enumerate(scores[:-1]):
        before[j + 1] = exceeding_one_more(before[j], score, t, epsilon)
    after = np.zeros((most + 1, len(t)))
    after[0] = 1
    for j in range(len(scores) - 1, -1, -1):
        both = np.sum(before[j] * after[::-1], axis=0)
        found[kept[j]] = np.sum(density(scores[j]) * both)
        after = exceeding_one_more(after, scores[j], t, epsilon)
    return found


def exceeding_one_more(found: Array, score: float, t: Array, epsilon: float) -> Array:
    more = found * ndtr((t - score) / epsilon)
    more[1:] += found[:-1] * ndtr((score - t) / epsilon)
    return more


def exact_row(
    z: Array, y: int, *, k: int, epsilon: float, margin: float = 1.0, scale: float = 1.0
) -> tuple[float, Array]:
    """Value and gradient of the noised top-K loss with the expectation itself."""
    if _is_bad(z):
        return np.nan, np.full(len(z), np.nan)
    z = z.astype(np.float64)
    hinge = margin + order_statistic(z, k + 1, epsilon) - z[y]
    if not hinge > 0:
        return 0.0, np.zeros(len(z))
    gradient = rank_probabilities(z, k + 1, epsilon)
    gradient[y] -= 1
    return float(scale * hinge), scale * gradient


def grouped_order_statistic(
    values: Array, counts: Array, rank: int, epsilon: float, t: Array, window: int
) -> tuple[float, Array]:
    """The same for scores of few different values, each held by many classes; any rank.

    The number of exceedances is a sum of binomials. Its distribution in a window of numbers around
    the rank comes from its characteristic function. t are evenly spaced, from where it is above the
    rank in all probability, though within the window, to where it is below. Returns T, and the
    probability of one class of each value.
    """
    omega = 2 * np.pi * np.arange(window // 2 + 1) / window
    above = ndtr((values[:, None] - t) / epsilon)
    below = ndtr((t - values[:, None]) / epsilon)
    step = t[1] - t[0]
    first = rank - 1 - window // 2  # the window is [first, first + window)
    fewer, exactly = np.empty(len(t)), np.empty((len(values), len(t)))
    for i in range(len(t)):
        factors = np.log(below[:, i, None] + above[:, i, None] * np.exp(1j * omega))
        total = counts @ factors - 1j * omega * first
        # One class less of each value: its factor is left out of the sum, nothing is divided.
        tables = np.fft.irfft(np.exp(np.vstack([total, total - factors])).conj(), window)
        fewer[i] = tables[0, : window // 2 + 1].sum()
        exactly[:, i] = tables[1:, window // 2]
    density = np.exp(-(((t - values[:, None]) / epsilon) ** 2) / 2) / (_SQRT_2_PI * epsilon)
    inside = (fewer.sum() - (fewer[0] + fewer[-1]) / 2) * step
    return float(t[-1] - inside), np.sum(density * exactly, axis=1) * step


# ---- the smooth top-K SVM


def smooth_svm_by_subsets(
    z: Array, y: int, *, k: int, tau: float = 1.0, alpha: float = 1.0
) -> float:
    """Value from the definition: sums of products over all sets of rivals. Few classes only."""
    e = np.exp(z.astype(np.float64) / (k * tau))
    rivals = np.delete(e, y)

    def sigma(r: int) -> float:
        return float(sum(np.prod(chosen) for chosen in combinations(rivals, r)))

    right = e[y] * sigma(k - 1)
    return float(tau * (np.log(right + np.exp(alpha / tau) * sigma(k)) - np.log(right)))


def _log_sigmas(logs: Array, most: int) -> Array:
    """Log of the elementary symmetric polynomials of exp(logs), degrees 0 .. most, one by one."""
    found = np.full(most + 1, -np.inf, np.longdouble)
    found[0] = 0
    for log in logs:
        found[1:] = np.logaddexp(found[1:], found[:-1] + log)
    return found


def smooth_svm_row(
    z: Array, y: int, *, k: int, tau: float = 1.0, alpha: float = 1.0
) -> tuple[float, Array]:
    """Value and gradient, in logarithms and in long doubles, for logits and tau of any size."""
    classes = len(z)
    if _is_bad(z):
        return np.nan, np.full(classes, np.nan)
    gradient = np.zeros(classes)
    logs = z.astype(np.longdouble) / (np.longdouble(k) * np.longdouble(tau))
    rivals = np.flatnonzero((np.arange(classes) != y) & ~np.isneginf(z))
    if len(rivals) < k:
        return 0.0, gradient
    before = np.full((len(rivals) + 1, k + 1), -np.inf, np.longdouble)
    before[0, 0] = 0
    for i, j in enumerate(rivals):
        before[i + 1] = before[i]
        before[i + 1, 1:] = np.logaddexp(before[i, 1:], before[i, :-1] + logs[j])
    sigma = before[-1]
    gap = np.longdouble(alpha) / np.longdouble(tau) + sigma[k] - sigma[k - 1] - logs[y]
    value = tau * np.logaddexp(np.longdouble(0), gap)
    active = np.exp(-np.logaddexp(np.longdouble(0), -gap))
    gradient[y] = -active / k
    after = np.full(k + 1, -np.inf, np.longdouble)
    after[0] = 0
    for i in range(len(rivals) - 1, -1, -1):
        log = logs[rivals[i]]

        def share(degree: int, i: int = i, after: Array = after, log: Any = log) -> Any:
            """The part of sigma_degree whose products contain the class."""
            if degree == 0:
                return np.longdouble(0)
            others = np.logaddexp.reduce(before[i, :degree] + after[:degree][::-1])
            return np.exp(log + others - sigma[degree])

        gradient[rivals[i]] = active / k * (share(k) - share(k - 1))
        after[1:] = np.logaddexp(after[1:], after[:-1] + log)
    return float(value), gradient


# ---- the top-K cross-entropy


def _distribution(weights: Array | None, k: int) -> Array:
    by_default = (np.eye(1, k)[0] + np.eye(1, k, k - 1)[0]) / 2
    return by_default if weights is None else np.asarray(weights, dtype=np.float64)


def topk_cross_entropy_row(
    z: Array, y: int, *, k: int, epsilon: float, weights: Array | None = None
) -> tuple[float, Array]:
    """Value and gradient from the definition: -log sum_k P_k P(y is among the k largest).

    The integrals are over the label's own score with noise.
    """
    gradient = np.zeros(len(z))
    if _is_bad(z):
        return np.nan, np.full(len(z), np.nan)
    if np.isneginf(z[y]):
        return np.inf, gradient
    p = _distribution(weights, k)
    step = 0.02
    scores = (z.astype(np.float64) - z[y]) / epsilon
    softmax = np.exp(_log_softmax(z))
    total = p[0] * softmax[y]
    gradient = epsilon * total * softmax
    t = np.arange(-12, 30 + step, step)
    rivals = np.flatnonzero((np.arange(len(z)) != y) & ~np.isneginf(z))
    chances = [(ndtr(score - t), ndtr(t - score)) for score in scores[rivals]]

    def density(score: float) -> Array:
        return np.asarray(np.exp(-((t - score) ** 2) / 2) / _SQRT_2_PI)

    # Products of those before a rival; by the transposed recursion, what those behind make of P.
    before = [np.eye(k, 1) * np.ones(len(t))]
    for above, below in chances:
        raised = np.vstack([np.zeros(len(t)), before[-1][:-1] * above])
        before.append(before[-1] * below + raised)
    total += step * np.sum(density(0) * (p[1:] @ np.cumsum(before[-1], axis=0)[1:]))
    if total < 1e-200:
        return topk_cross_entropy_in_logarithms(z, y, k=k, epsilon=epsilon, weights=weights)
    behind = np.where(np.arange(k) > 0, p, 0)[:, None] * np.ones(len(t))
    for i in range(len(rivals) - 1, -1, -1):
        exactly = np.sum(before[i] * behind, axis=0)
        gradient[rivals[i]] += step * np.sum(density(0) * density(scores[rivals[i]]) * exactly)
        above, below = chances[i]
        behind = behind * below + np.vstack([behind[1:], np.zeros(len(t))]) * above
    gradient[y] = 0
    gradient[y] = -gradient.sum()
    return float(-np.log(total)), gradient / (total * epsilon)


def topk_cross_entropy_in_logarithms(
    z: Array, y: int, *, k: int, epsilon: float, weights: Array | None = None
) -> tuple[float, Array]:
    """The same for labels however far below; of few classes."""
    scores = (z.astype(np.float64) - z[y]) / epsilon
    rivals = [j for j in range(len(z)) if j != y and z[j] > -np.inf]

    def log_density(t: Array, score: float) -> Array:
        return np.asarray(-((t - score) ** 2) / 2 - np.log(2 * np.pi) / 2)

    def exactly(t: Array, some: list[int]) -> Array:
        """Log of P(n of them are above t)."""
        found = np.full((k + 1, len(t)), -np.inf)
        found[0] = 0
        for j in some:
            above, below = log_ndtr(scores[j] - t), log_ndtr(t - scores[j])
            raised = np.vstack([np.full(len(t), -np.inf), found[:-1] + above])
            found = np.logaddexp(found + below, raised)
        return found

    def integrand(t: Array, rank: int) -> Array:
        return np.asarray(log_density(t, 0) + logsumexp(exactly(t, rivals)[:rank], axis=0))

    p = _distribution(weights, k)
    softmax = _log_softmax(z)
    with np.errstate(divide="ignore"):
        terms, pairs = [np.log(p[0]) + softmax[y]], [np.log(p[0]) + softmax[y] + softmax]
    for rank in range(2, k + 1):
        if p[rank - 1] == 0:
            continue
        t = np.linspace(-12, max(scores.max(), 0) + 12, 1201)
        for _ in range(5):  # around the peak
            peak, width = t[np.argmax(integrand(t, rank))], t[1] - t[0]
            t = np.linspace(peak - max(10, 20 * width), peak + max(10, 20 * width), 1201)
        unit = np.log(p[rank - 1] * (t[1] - t[0]))
        terms.append(logsumexp(integrand(t, rank)) + unit)
        pair = np.full(len(z), -np.inf)
        for j in rivals:
            others = exactly(t, [i for i in rivals if i != j])[rank - 1]
            densities = log_density(t, 0) + log_density(t, scores[j])
            pair[j] = logsumexp(densities + others) + unit - np.log(epsilon)
        pairs.append(pair)
    total = logsumexp(terms)
    gradient = np.exp(logsumexp(pairs, axis=0) - total)
    gradient[y] = 0
    gradient[y] = -gradient.sum()
    return float(-total), gradient


def _log_softmax(z: Array) -> Array:
    z = z.astype(np.float64)
    return np.asarray(z - logsumexp(z))

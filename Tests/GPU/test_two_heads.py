"""The PTX of the two-head average-K loss, against NumPy and the CPU's library.

The selection is exact: which scores are candidates follows, bit by bit, from how the device itself
has normalised the rows. That is compared with float64 within float32's rounding; so a candidate
may be another than the CPU's only where two scores are as near.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from topkloss import ThresholdState, TwoHeadAverageKLoss

from device import ORDERS, PTX, Module
from evaluation import SHARED_BYTES, Batch, Floats, Result, Step, close

MODULE = Module(PTX / "two_heads.ptx")
NAMES = ["normalize", "start", *["count", "choose"] * 3, "ties", "threshold"]
ONE_BLOCK = {"start", "choose", "threshold"}
STEPS = [
    *[
        Step(MODULE, f"topk_two_heads_{name}", int(name in ONE_BLOCK), SHARED_BYTES + 8192)
        for name in NAMES
    ],
    Step(MODULE, "topk_two_heads"),
]
TABLES = 256 + 2048 * 8


class Selection(NamedTuple):
    """SelectionState's, of TwoHeadsMemory.swift."""

    score: float
    next: float
    ties: int
    row: int
    place: int


def make(seed: int, rows: int, classes: int, k: float, decay: float = 0, **options: Any) -> Batch:
    """A batch, with a row that is ignored and one of weight 0."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=rows)
    labels[1] = -100
    weight = random.uniform(0.5, 2, rows)
    weight[0] = 0

    def describe(call: Any) -> None:
        loss = call.two_heads
        loss.k, loss.candidate_weight, loss.weight, loss.threshold_decay = k, 0.7, 0.25, decay

    options = {"sample_weight": weight, **options}
    logits, second = 3 * random.normal(size=(2, rows, classes))
    return Batch(logits, labels, second=second, describe=describe, **options)


def run(batch: Batch, **options: Any) -> Result:
    return batch.run(STEPS, shared_bytes=TABLES + 32 * len(batch.labels), **options)


def found_selection(result: Result) -> Selection:
    score, after = result.shared[40:56].view(np.float64)
    ties, row, place = result.shared[56:80].view(np.int64)
    return Selection(float(score), float(after), int(ties), int(row), int(place))


def scores(batch: Batch, result: Result) -> npt.NDArray[np.float32]:
    """As every pass computes them; NaN where a row does not count."""
    end = TABLES + 16 * len(batch.labels)
    peak, log_sum = result.shared[TABLES:end].view(np.float64).reshape(-1, 2).T[:, :, None]
    counts = batch.counts & np.isfinite(batch.stored_second).all(axis=1)
    expected_peak = np.where(np.isneginf(top := batch.stored.max(axis=1)), 0, top)
    with np.errstate(invalid="ignore", divide="ignore"):
        exact = np.log(np.exp(batch.stored - expected_peak[:, None]).sum(axis=1))
    exact[np.isneginf(exact)] = 0
    exact[~counts] = np.nan
    close(log_sum[:, 0], exact, 1, "f32")
    np.testing.assert_array_equal(peak[~np.isnan(exact), 0], expected_peak[~np.isnan(exact)])
    single = batch.stored.astype(np.float32)
    found: npt.NDArray[np.float32] = (single - peak.astype(np.float32)) - log_sum.astype(np.float32)
    return found


def select(scores: npt.NDArray[np.float32], k: float) -> tuple[npt.NDArray[np.bool_], Selection]:
    """The candidates by sorting, and how the search describes them."""
    wanted = round((~np.isnan(scores[:, 0])).sum() * k)
    rows, places = np.nonzero(~np.isnan(scores))
    of_place = scores[rows, places]
    order = np.lexsort((places, rows, -of_place))
    chosen = np.zeros(scores.shape, bool)
    chosen[rows[order[:wanted]], places[order[:wanted]]] = True
    forever = 2**63 - 1
    if wanted == 0:
        return chosen, Selection(np.inf, np.inf, 0, 0, 0)
    if wanted >= len(order):
        return chosen, Selection(-np.inf, -np.inf, -1, forever, 0)
    last, after = (float(of_place[order[wanted - at]]) for at in (1, 0))
    ties = int((chosen & (scores == last)).sum())
    end = (int(rows[order[wanted]]), int(places[order[wanted]]))
    return chosen, Selection(last, after, ties, *(end if last == after else (forever, 0)))


def expected(batch: Batch, candidates: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """The rows' losses and both heads' gradients, in float64, of rows that count."""
    z, g, scale = batch.stored, batch.stored_second, batch.scale()[:, None]
    own = np.arange(z.shape[1]) == (batch.labels * batch.counts)[:, None]
    peak = z.max(axis=1, keepdims=True)
    logarithm = z - peak - np.log(np.exp(z - peak).sum(axis=1, keepdims=True))
    positive = candidates | own
    weight = np.where(own, 1, np.where(candidates, 0.7, 1))
    of_classes = weight * np.logaddexp(0, np.where(positive, -g, g))
    losses = -logarithm[own] + 0.25 * of_classes.sum(axis=1)
    sigmoid = 1 / (1 + np.exp(-g))
    second = 0.25 * weight * (sigmoid - positive) * scale
    return np.where(batch.counts, losses, 0), (np.exp(logarithm) - own) * scale, second


def check(batch: Batch, result: Result, candidates: npt.NDArray[np.bool_]) -> None:
    losses, gradient, second = expected(batch, candidates)
    close(result.rows, batch.weight * losses, 1 + losses, "f32")
    close(result.gradient, gradient, np.abs(gradient).max(), batch.element)
    close(result.second, second, np.abs(second).max(), batch.element)


@pytest.mark.parametrize("element", ["f32", "f16", "bf16"])
@pytest.mark.parametrize(
    ("rows", "classes", "k", "threads"), [(3, 2, 1.5, 32), (6, 17, 2.4, 96), (4, 1000, 5, 256)]
)
def test_agrees_with_numpy(element: str, rows: int, classes: int, k: float, threads: int) -> None:
    batch = make(classes, rows, classes, k, element=element, padding=1, in_place=threads == 96)
    result = run(batch, threads=threads)
    chosen, selection = select(scores(batch, result), k)
    assert found_selection(result) == selection
    check(batch, result, chosen)
    middle = (np.exp(selection.score) + np.exp(selection.next)) / 2
    assert result.threshold == pytest.approx(middle, rel=1e-14)


def test_agrees_with_the_library() -> None:
    batch = make(5, 7, 300, 3)
    result = run(batch, threads=64)
    loss = TwoHeadAverageKLoss(
        3, candidate_weight=0.7, multi_label_weight=0.25, ignore_index=-100, class_reduction="sum"
    )
    threshold = ThresholdState()
    value, gradients = loss.value_and_grad(
        batch.stored,
        batch.stored_second,
        batch.labels,
        sample_weight=batch.sample_weight,
        threshold=threshold,
    )
    assert result.value == pytest.approx(value, rel=2e-7)
    assert result.threshold == pytest.approx(threshold.value, rel=1e-6)
    for found, gradient in zip((result.gradient, result.second), gradients, strict=True):
        close(found, gradient, np.abs(gradient).max(), "f32")


@pytest.mark.parametrize("k", [0.3, 1.5, 2, 3.7, 7])
@pytest.mark.parametrize("threads", [32, 128])
def test_ties_are_kept_by_row_and_class(k: float, threads: int) -> None:
    random = np.random.default_rng(int(10 * k))
    batch = make(2, 40, 9, k)
    # The same rows are normalised alike, to the last bit.
    kinds = random.integers(0, 3, size=(3, 9)).astype(float)
    batch.logits = kinds[random.integers(3, size=40)]
    result = run(batch, threads=threads)
    chosen, selection = select(scores(batch, result), k)
    assert found_selection(result) == selection
    check(batch, result, chosen)


@pytest.mark.parametrize(("k", "rows"), [(0.1, 4), (1.99, 3)])
def test_none_and_all(k: float, rows: int) -> None:
    batch = make(2, rows, 2, k)
    result = run(batch, threads=32)
    chosen, selection = select(scores(batch, result), k)
    assert chosen[batch.counts].all() == (k > 1)
    assert chosen.any() == (k > 1)
    assert found_selection(result) == selection
    assert result.threshold == (0 if k > 1 else 1)
    check(batch, result, chosen)


def test_minus_infinity_is_a_score_like_others() -> None:
    batch = make(6, 5, 40, 30)
    batch.logits[:, 20:] = -np.inf
    batch.labels = np.where(batch.counts, batch.labels % 20, batch.labels)
    result = run(batch, threads=64)
    selection = found_selection(result)
    assert selection == select(scores(batch, result), 30)[1]
    assert selection.score == -np.inf
    assert selection.ties == 4 * 10
    assert result.threshold == 0


@pytest.mark.parametrize("head", ["logits", "second"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_numbers_do_not_take_part(head: str, bad: float) -> None:
    batch = make(8, 5, 50, 2.5)
    getattr(batch, head)[3, 49] = bad
    result = run(batch, threads=64)
    chosen, selection = select(scores(batch, result), 2.5)
    assert chosen.sum() == 8  # round(7.5), halves to even
    assert found_selection(result) == selection
    assert np.isnan(result.rows[3])
    assert np.isnan(result.gradient[3]).all()
    assert np.isnan(result.second[3]).all()
    good = [0, 1, 2, 4]
    with np.errstate(invalid="ignore"):
        losses, gradient, second = expected(batch, chosen)
    close(result.rows[good], (batch.weight * losses)[good], 1 + losses[good], "f32")
    close(result.gradient[good], gradient[good], np.abs(gradient[good]).max(), "f32")
    close(result.second[good], second[good], np.abs(second[good]).max(), "f32")


@pytest.mark.parametrize("before", [0.0, 1e-3, 0.6, 1.0])
def test_threshold_of_the_batch_before(before: float) -> None:
    batch = make(4, 6, 64, 2, decay=0.75, threshold=before)
    result = run(batch, threads=64)
    row_scores = scores(batch, result)
    chosen, selection = select(row_scores, 2)
    threshold = (np.exp(selection.score) + np.exp(selection.next)) / 2
    if before:
        threshold = 0.75 * before + 0.25 * threshold
        with np.errstate(invalid="ignore"):
            chosen = row_scores >= np.float32(np.log(threshold))
    assert result.threshold == pytest.approx(threshold, rel=1e-14)
    check(batch, result, chosen)


@pytest.mark.parametrize("before", [-0.5, 1.5, np.nan])
def test_a_threshold_that_is_no_probability_makes_all_nan(before: float) -> None:
    result = run(make(4, 3, 8, 2, decay=0.5, threshold=before), threads=32)
    assert np.isnan(result.rows[[0, 2]]).all()
    assert np.isnan(result.gradient[[0, 2]]).all()
    assert np.isnan(result.second[[0, 2]]).all()
    assert np.isnan(result.threshold)


def test_without_rows_the_threshold_stays() -> None:
    batch = make(4, 3, 8, 2, decay=0.5, threshold=0.25)
    batch.labels[:] = -100
    result = run(batch, threads=32)
    assert result.threshold == 0.25
    assert result.value == 0


def test_a_bad_batch_leaves_the_threshold() -> None:
    batch = make(4, 3, 8, 2, decay=0.5, threshold=0.25)
    batch.labels[2] = 8
    result = run(batch, threads=32)
    assert (result.fault, result.row, result.threshold) == (1, 2, 0.25)
    assert np.isnan(result.gradient).all()
    assert np.isnan(result.second).all()


def test_counts_of_many_scores() -> None:
    """More than a block counts before it adds them to everybody's."""
    batch = make(9, 19, 2053, 4, gradient=False)
    result = run(batch, threads=512, blocks=1)
    assert found_selection(result) == select(scores(batch, result), 4)[1]


@pytest.mark.parametrize(("in_place", "threads"), [(False, 96), (True, 32)])
def test_every_order_leaves_the_same_bytes(in_place: bool, threads: int) -> None:
    element = "bf16" if in_place else "f32"
    batch = make(7, 4, 90, 2.5, in_place=in_place, element=element)
    results = {
        run(batch, threads=threads, blocks=blocks, order=order).content
        for blocks in (1, 3)
        for order in ORDERS
    }
    assert len(results) == 1

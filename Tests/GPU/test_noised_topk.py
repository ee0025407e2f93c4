"""The PTX of noised top-K by sampling: the bits of the CPU's library, and of sorting in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import topkloss

from device import ORDERS, guarded
from evaluation import ELEMENTS, Floats
from noised import SEED, Noised, batch_of


def rows_of(classes: int, rank: int) -> Floats:
    """Rows of all kinds: plain, with few high classes, nearly flat, and half of it far below."""
    random = np.random.default_rng(classes * 100 + rank)
    logits = random.normal(size=(4, classes))
    logits[1, random.permutation(classes)[: rank + 3]] += 9
    logits[2] *= 0.01
    logits[3, : classes // 2] -= 50
    return logits


def test_the_noise_is_the_librarys() -> None:
    """Every class alone in a row of its own: the statistic is then its noise."""
    for classes, step, first in (100, 0, 0), (49, 2**63 + 1, 2**62):
        logits = np.full((classes, classes), -np.inf)
        np.fill_diagonal(logits, 0)
        noised = Noised(1, 2, step=step, first_row=first)
        result = noised.run(batch_of(logits), threads=32, blocks=1)
        noise = topkloss.standard_normal(SEED, step, first, classes, 2, classes).astype(float)
        own = np.arange(classes)
        expected = (noise[own, 0, own] + noise[own, 1, own]) / 2
        assert result.rows.tobytes() == expected.tobytes()


CASES = [
    # classes, rank, samples, threads, element
    (1, 1, 2, 32, "f32"),
    (2, 1, 3, 32, "f32"),
    (2, 2, 3, 128, "f32"),
    (15, 5, 3, 32, "f16"),
    (16, 12, 5, 32, "f32"),
    (17, 13, 3, 32, "bf16"),
    (17, 17, 3, 256, "f32"),
    (100, 6, 9, 128, "bf16"),
    (100, 60, 2, 128, "f32"),
    (100, 61, 2, 64, "f32"),
    (1000, 6, 3, 64, "f16"),
    (1000, 33, 2, 128, "f32"),
    (1000, 60, 2, 160, "f32"),
    (1000, 400, 1, 256, "f32"),
    (4097, 2, 2, 256, "f32"),
    (4097, 21, 1, 1024, "f32"),
]


@pytest.mark.parametrize(("classes", "rank", "samples", "threads", "element"), CASES)
def test_agrees_with_sorting(
    classes: int, rank: int, samples: int, threads: int, element: str
) -> None:
    batch = batch_of(rows_of(classes, rank), element=element, padding=3)
    Noised(rank, samples).check(batch, threads=threads)


@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 100.0, 0.0])
@pytest.mark.parametrize(("classes", "rank"), [(40, 5), (300, 5), (300, 45)])
def test_ties_and_masks(classes: int, rank: int, epsilon: float) -> None:
    random = np.random.default_rng(classes)
    logits = np.zeros((8, classes))
    logits[1] = random.integers(3, size=classes)
    logits[2] = 2.0**26  # the noise is lost in the sum: all scores tie
    logits[3] = np.where(random.random(classes) < 0.8, -np.inf, 0)
    logits[4, 3:] = -np.inf  # fewer than the rank are left
    logits[5] = -np.inf
    logits[5, -1] = 1
    logits[6] = np.where(random.random(classes) < 0.5, -0.0, 0.0)
    logits[7] = 2.0**25
    logits[7, -(classes // 20) :] += 4  # which noise above 2 makes of the others too
    for threads in (64, 128):
        Noised(rank, 2, epsilon).check(batch_of(logits), threads=threads)


def test_high_classes_that_one_thread_sees() -> None:
    """Too many for strong ones: there are none then."""
    logits = np.zeros((2, 8000))
    logits[:, 5::64] = 3 + np.arange(125)[None] / 100
    logits[1] *= 8
    for epsilon in (0.0, 0.3):
        Noised(4, 2, epsilon).check(batch_of(logits), threads=64, blocks=1)


@pytest.mark.filterwarnings("ignore:.*meant for cosines")
@pytest.mark.parametrize("element", ["f32", "f16"])
def test_losses_have_the_librarys_bits(element: str) -> None:
    random = np.random.default_rng(3)
    dtype, labels = ELEMENTS[element], random.integers(60, size=5)
    logits = random.normal(size=(5, 60))
    logits[2, labels[2]] = -np.inf
    logits[3, labels[3]] = 30
    logits[4, 4:] = -np.inf
    labels[4] = 9  # the label and the class at the rank are masked out
    counts = random.integers(1, 99, size=60)
    margins = 0.4 * (counts / counts.min()) ** -0.25
    sampled: dict[str, Any] = {"estimator": "monte_carlo", "seed": SEED, "n_samples": 4}
    losses: list[tuple[Any, Noised]] = [
        (topkloss.NoisedTopKLoss(5, 0.5, reduction="none", **sampled), Noised(6, 4, 0.5)),
        (topkloss.TopKHingeLoss(5, margin=0.7, reduction="none"), Noised(6, 1, 0, margin=0.7)),
        (
            topkloss.NoisedTopKLoss(
                5, class_counts=counts, max_margin=0.4, reduction="none", **sampled
            ),
            Noised(6, 4, 0.01, scale=60, class_margin=margins),
        ),
    ]
    for loss, noised in losses:
        noised.labelled = True
        options = {"labels": labels, "element": element, "in_place": element == "f16"}
        batch = batch_of(logits, upstream=None, **options)
        result = noised.check(batch) if noised.class_margin is None else noised.run(batch)
        step = {} if isinstance(loss, topkloss.TopKHingeLoss) else {"step": noised.step}
        value, gradient = loss.value_and_grad(logits.astype(dtype), labels, **step)
        assert result.rows.astype(np.float32).astype(dtype).tobytes() == value.tobytes()
        assert result.gradient is not None
        assert result.gradient.astype(dtype).tobytes() == gradient.tobytes()


@pytest.mark.parametrize("threads", [32, 128])
def test_the_operator_has_the_librarys_bits(threads: int) -> None:
    logits = rows_of(300, 4).astype(np.float32)
    batch = batch_of(logits)
    result = Noised(4, 5).run(batch, threads=threads)
    options: dict[str, Any] = {"estimator": "monte_carlo", "n_samples": 5, "seed": SEED, "step": 5}
    values = topkloss.noised_topk(logits, 4, **options)
    gradient = topkloss.noised_topk_vjp(logits, 4, upstream=batch.upstream, **options)
    assert result.rows.astype(np.float32).tobytes() == values.tobytes()
    assert result.gradient is not None
    assert result.gradient.astype(np.float32).tobytes() == gradient.tobytes()


@pytest.mark.parametrize("rank", [3, 100])
def test_given_noise(rank: int) -> None:
    random = np.random.default_rng(1)
    memory = guarded(random.normal(size=(3, 5, 210)).astype(np.float32))
    noise = memory[:, :4, :201]
    batch = batch_of(random.normal(size=(3, 201)))
    given = Noised(rank, 4, 0.3, noise=noise)
    given.check(batch)
    noise[1, 2, 200] = np.nan  # of a class that ranks anywhere
    result = given.run(batch)
    assert np.isnan(result.rows[1])
    assert result.gradient is not None
    assert np.isnan(result.gradient[1]).all()
    assert np.isfinite(result.gradient[[0, 2]]).all()
    # Noise that is a row's own, for all samples of it.
    shared = np.lib.stride_tricks.as_strided(memory[:, 0], (3, 4, 201), (840 * 5, 0, 4))
    Noised(rank, 4, 0.3, noise=shared).check(batch)


@pytest.mark.parametrize(("rank", "threads"), [(3, 128), (30, 32)])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("element", ["f32", "bf16"])
def test_bad_scores_poison_their_own_row(
    rank: int, threads: int, poison: float, element: str
) -> None:
    logits = np.random.default_rng(2).normal(size=(3, 41))
    plain = Noised(rank).check(batch_of(logits, element=element), threads=threads)
    logits[1, 17] = poison
    result = Noised(rank).run(batch_of(logits, element=element), threads=threads)
    assert result.gradient is not None
    assert plain.gradient is not None
    assert np.isnan(result.rows[1])
    assert np.isnan(result.gradient[1]).all()
    others = [0, 2]
    assert result.rows[others].tobytes() == plain.rows[others].tobytes()
    assert result.gradient[others].tobytes() == plain.gradient[others].tobytes()


def test_rows_of_a_larger_batch() -> None:
    logits = rows_of(70, 3)
    whole = Noised(3, first_row=2**40).check(batch_of(logits))
    part = Noised(3, first_row=2**40 + 2).run(batch_of(logits[2:]))
    assert part.rows.tobytes() == whole.rows[2:].tobytes()


def test_more_samples_than_are_kept() -> None:
    batch = batch_of(np.random.default_rng(5).normal(size=(1, 3)))
    Noised(2, 4200).check(batch, threads=128)


@pytest.mark.parametrize(("rank", "element"), [(4, "f32"), (70, "f32"), (4, "bf16")])
def test_every_order_leaves_the_same_bytes(rank: int, element: str) -> None:
    batch = batch_of(rows_of(90, 4), element=element, in_place=element == "bf16")
    results = {
        Noised(rank).run(batch, threads=threads, blocks=blocks, order=order).content
        for threads, blocks in ((32, 1), (96, 3), (160, 4))
        for order in ORDERS
    }
    assert len(results) == 1


def test_weights_and_labels_that_are_ignored() -> None:
    logits, labels = rows_of(20, 3), np.array([3, -100, 19, 0])
    weight = np.array([0.5, 9, 0, 2.0])
    options: dict[str, Any] = {"labels": labels, "sample_weight": weight, "element": "f16"}
    result = Noised(3, labelled=True).run(batch_of(logits, upstream=None, **options))
    loss = topkloss.NoisedTopKLoss(
        2, estimator="monte_carlo", seed=SEED, n_samples=3, reduction="sum", ignore_index=-100
    )
    _, gradient = loss.value_and_grad(
        logits.astype(np.float16), labels, sample_weight=weight, step=5
    )
    assert result.gradient is not None
    assert result.gradient.astype(np.float16).tobytes() == gradient.tobytes()

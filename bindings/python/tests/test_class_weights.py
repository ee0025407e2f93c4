"""Class weights from counts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import topkloss
from topkloss import TopKLossError
from topkloss.class_weights import deferred, effective_number, inverse_frequency

COUNTS = [1, 2, 5000, 30, 30, 777]


def test_inverse_frequency_exactly():
    inverse = [Fraction(1, n) for n in COUNTS]
    mean = sum(inverse) / len(inverse)
    np.testing.assert_allclose(inverse_frequency(COUNTS), [float(w / mean) for w in inverse])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.9999, 1 - 1e-12])
def test_effective_number_exactly(beta):
    share = Fraction(beta)
    # (1 - beta^n) / (1 - beta) is the geometric sum, which needs no subtraction.
    inverse = [1 / sum(float(share) ** i for i in range(n)) for n in COUNTS]
    expected = np.array(inverse) * len(COUNTS) / sum(inverse)
    np.testing.assert_allclose(effective_number(COUNTS, beta), expected, rtol=1e-10)


@pytest.mark.parametrize("weights", [inverse_frequency, effective_number])
def test_mean_is_1_and_type_is_float64(weights):
    result = weights(np.array([3, 1, 100], np.uint8))
    assert result.dtype == np.float64
    assert result.mean() == pytest.approx(1, rel=1e-14)
    assert result.flags.writeable
    np.testing.assert_array_equal(weights([7, 7, 7]), 1)


@pytest.mark.parametrize("smoothing", [0.5, 3])
def test_count_smoothing(smoothing):
    """As if every class had so many examples more, those without any among them."""
    counts = np.array([0, 3, 100, 0])
    inverse = 1 / (counts + smoothing)
    found = inverse_frequency(counts, count_smoothing=smoothing)
    np.testing.assert_allclose(found, inverse / inverse.mean(), rtol=1e-14)
    inverse = 1 / (1 - 0.9 ** (counts + smoothing))
    found = effective_number(counts, 0.9, count_smoothing=smoothing)
    np.testing.assert_allclose(found, inverse / inverse.mean(), rtol=1e-12)
    with pytest.raises(TopKLossError, match=r"counts\[0\] is 0.*count_smoothing"):
        inverse_frequency(counts)
    for wrong in (-1, np.nan, np.inf, "much"):
        with pytest.raises(TopKLossError, match="count_smoothing"):
            effective_number(counts, count_smoothing=wrong)


def test_huge_and_tiny_counts_do_not_overflow():
    np.testing.assert_allclose(inverse_frequency([1e-300, 1e300]), [2, 0], atol=1e-15)
    assert np.isfinite(effective_number([1e-6, 1e300])).all()


@pytest.mark.parametrize("weights", [inverse_frequency, effective_number])
@pytest.mark.parametrize("bad", [0, -3, np.nan, np.inf])
def test_bad_counts(weights, bad):
    with pytest.raises(TopKLossError, match=r"^counts\[1\] is") as caught:
        weights([5.0, bad, 0.0])
    assert caught.value.status == "TOPKLOSS_ERROR_CLASS_COUNT"


@pytest.mark.parametrize("beta", [1.0, -0.1, 2.0, np.nan])
def test_bad_beta(beta):
    with pytest.raises(TopKLossError, match="beta is"):
        effective_number([1, 2], beta)


@pytest.mark.parametrize("weights", [inverse_frequency, effective_number])
def test_counts_that_are_no_vector_of_classes(weights):
    with pytest.raises(TopKLossError, match="one dimension"):
        weights([[1, 2]])
    with pytest.raises(TopKLossError, match="classes") as caught:
        weights([])
    assert caught.value.status == "TOPKLOSS_ERROR_SIZE"


def test_counts_are_left_alone():
    counts = np.array([3.0, 1.0])
    for weights in (inverse_frequency, effective_number):
        weights(counts)
        np.testing.assert_array_equal(counts, [3, 1])


def test_deferred():
    """No weights before an epoch, and with them from then on."""
    given = inverse_frequency(COUNTS)
    found = [deferred(given, epoch=epoch, start=2) for epoch in range(4)]
    assert found[:2] == [None, None]
    for weights in found[2:]:
        np.testing.assert_array_equal(weights, given)
    np.testing.assert_array_equal(deferred([1, 2], epoch=0, start=0), [1.0, 2.0])
    for weights in found:  # what it is for
        topkloss.LDAMLoss(COUNTS, class_weight=weights)


@pytest.mark.parametrize(
    ("weights", "options", "words"),
    [
        ([[1, 2]], {"epoch": 0, "start": 1}, "weights has shape"),
        ("heavy", {"epoch": 0, "start": 1}, "weights"),
        ([1, 2], {"epoch": 0.5, "start": 1}, "epoch is 0.5"),
        ([1, 2], {"epoch": 0, "start": None}, "start is None"),
    ],
)
def test_bad_arguments_of_deferred(weights, options, words):
    """Found in the first epoch, not when the weights are first used."""
    with pytest.raises(TopKLossError, match=words):
        deferred(weights, **options)

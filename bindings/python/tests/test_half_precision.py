"""float16 and bfloat16: every number is read and written as it is, and sums are rounded to even.

The gradient of the mean squared error, with weights that undo its factor, is the logits less the
teacher at the label: exact in float32, so that one rounding is all that happens to it.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from support import BFLOAT16, FLOAT16, bits

import topkloss

halves = pytest.mark.parametrize("dtype", [FLOAT16, BFLOAT16], ids=str)


def differences(logits, teacher, labels):
    """Logits less what the teacher has at the label, of a power of two of classes."""
    rows, classes = logits.shape
    loss = topkloss.OutlyingMSELoss(teacher=teacher, reduction="sum")
    return loss.value_and_grad(logits, labels, sample_weight=np.full(rows, classes / 2))[1]


@halves
def test_every_number_survives(dtype):
    """Subnormal ones as well."""
    patterns = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    numbers = patterns[np.isfinite(patterns.astype(np.float32))].reshape(-1, 64)
    found = differences(numbers, np.zeros(64), np.zeros(len(numbers), int))
    # The label's entry is a difference, whose zeros have no sign.
    assert bits(found[:, 1:]) == bits(numbers[:, 1:])
    np.testing.assert_array_equal(found[:, 0], numbers[:, 0])


@halves
@pytest.mark.parametrize("classes", [2, 4, 16, 32, 64, 128])
def test_halfway_goes_to_even(dtype, classes):
    """At every place of a row; a quarter goes to the nearer one."""
    unit = float(ml_dtypes.finfo(dtype).eps)
    labels = np.arange(classes)
    logits = (1 + unit * (np.arange(classes) % 8) + np.zeros((classes, 1))).astype(dtype)
    for shift in (unit / 2, unit / 4, -unit / 4, 3 * unit / 4):
        exact = logits.astype(np.float64)
        exact[labels, labels] += shift
        found = differences(logits, np.full(classes, -shift), labels)
        assert bits(found) == bits(exact.astype(dtype)), shift


def test_what_is_too_large_is_infinite():
    """From halfway to the number that float16 no longer has; bfloat16 has float32's range."""
    logits, diagonal = np.full((4, 4), 65504, FLOAT16), np.arange(4)
    infinite = differences(logits, np.full(4, -16.0), diagonal)
    assert np.isposinf(infinite[diagonal, diagonal]).all()
    assert (differences(logits, np.full(4, -15.9), diagonal) == logits).all()

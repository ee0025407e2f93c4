"""Every loss of the registry through libtopkloss_cuda.so, on a device that is played.

Against the registry's formulations in float64, which know nothing of kernels; and against the
processor's kernels.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import device
from library import Answer, Array, Outcome, cuda, driver, evaluate

sys.path.append(str(device.TOP / "bindings/python/tests"))

from losses import CASES, Case  # type: ignore[import-not-found]

LIMIT = {"float32": 0.0, "float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Of a stored number, the most that its rounding is of it."""
SHAPES = ((5, 2), (4, 33), (3, 259))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def stored(numbers: Array, dtype: str) -> Array:
    """As a device has them: float16, or the bits of bfloat16."""
    numbers = np.asarray(numbers, np.float32)
    if dtype == "float32":
        return numbers
    if dtype == "float16":
        return numbers.astype(np.float16)
    bits = numbers.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def loaded(numbers: Array, dtype: str) -> Array:
    if dtype == "bfloat16":
        return (numbers.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return numbers.astype(np.float64)


def supported(case: Case, classes: int) -> bool:
    return case.allows(classes) and classes >= (2 if case.classes[0] == 2 else 1)


def run(case: Case, dtype: str, shape: tuple[int, int], order: int) -> tuple[Answer, Any, str]:
    """A batch with weights and ignored rows on the device, and what it must come to."""
    rng = np.random.default_rng(shape[1])
    sample = case.sample(rng, shape, np.dtype(np.float32))
    sample.logits[:] = loaded(stored(sample.logits, dtype), dtype)
    sample.labels[0] = -100
    weights = rng.uniform(0.1, 2, shape[0])
    given = case.class_options(rng, shape[1])
    loss = case.make(sample.counts, **given)
    heads = [np.ascontiguousarray(head) for head in sample.heads(stored(sample.logits, dtype))]
    members: dict[str, Any] = {"sample_weight": weights}
    if sample.noise is not None:
        members |= {"noise": np.ascontiguousarray(sample.noise, np.float32)}
        loss = case.make(sample.counts, **given, n_samples=sample.noise.shape[1])
    labels = sample.labels.astype(np.int32 if order % 2 else np.int64)
    answer = evaluate(
        loss,
        heads[0],
        labels,
        dtype=dtype,
        second=heads[1] if case.heads == 2 else None,
        in_place=order % 2 == 1,
        order=order,
        **members,
    )
    return answer, sample.expect(given, sample_weight=weights, ignore_index=-100), dtype


def close(answer: Answer, expected: tuple[float, Array], dtype: str, looser: float) -> None:
    value, gradient = expected
    assert answer.outcome.fault == 0
    assert abs(answer.value - value) <= 1e-6 * looser * max(1, abs(value))
    parts = [part for part in (answer.gradient, answer.second_gradient) if part is not None]
    found = np.concatenate([loaded(part, dtype) for part in parts], axis=1)
    largest = np.abs(gradient).max()
    allowed = (
        1e-6 * looser * largest
        + LIMIT[dtype] * np.abs(gradient)
        + (2.0**-25 if dtype == "float16" else 0)
    )
    np.testing.assert_array_less(np.abs(found - gradient), allowed + 1e-30)


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_is_the_formulation(case: Case, dtype: str) -> None:
    for shape in SHAPES:
        if not supported(case, shape[1]):
            continue
        answers = [
            run(case, dtype, shape, order) for order in ((1, 4) if dtype == "float32" else (3,))
        ]
        for answer, expected, _ in answers:
            close(answer, expected, dtype, case.looser)
        if len(answers) == 2:
            first, second = (answer for answer, _, _ in answers)
            assert first.gradient is not None
            assert second.gradient is not None
            assert first.gradient.tobytes() == second.gradient.tobytes()
            assert bytes(first.outcome) == bytes(second.outcome)
            assert first.row_values.tobytes() == second.row_values.tobytes()


def test_bad_labels_are_found_there() -> None:
    case = CASES[0]
    loss = case.make(np.ones(5))
    logits = np.zeros((3, 5), np.float32)
    answer = evaluate(loss, logits, np.array([0, 7, 9]))
    assert answer.outcome.fault
    assert (answer.outcome.row, answer.outcome.label) == (1, 7)
    assert answer.gradient is not None
    assert np.isnan(answer.gradient).all()
    assert np.isnan(answer.value)
    assert _check(answer.outcome) == 7
    answer = evaluate(loss, logits, np.array([0, 1, 4]), sample_weight=np.array([1, np.inf, 1]))
    assert answer.outcome.row == 1
    assert _check(answer.outcome) == 8
    assert _check(evaluate(loss, logits, np.array([0, 1, 4])).outcome) == 0


def _check(outcome: Outcome) -> int:
    import ctypes

    return int(cuda().topkloss_cuda_check(ctypes.byref(outcome), ctypes.c_int64(5)))


def test_no_row() -> None:
    loss = CASES[0].make(np.ones(5))
    answer = evaluate(loss, np.zeros((0, 5), np.float32), np.zeros(0, np.int64))
    assert (answer.value, answer.total_weight, answer.outcome.fault) == (0, 0, 0)


def test_nothing_is_allocated_and_nothing_waits() -> None:
    import ctypes

    from test_driver import _Counts

    loss = CASES[0].make(np.ones(5))
    evaluate(loss, np.zeros((2, 5), np.float32), np.array([0, 1]))
    before, after = _Counts(), _Counts()
    driver().fake_cuda_counts(ctypes.byref(before))
    evaluate(loss, np.zeros((2, 5), np.float32), np.array([0, 1]), wants_gradient=False)
    driver().fake_cuda_counts(ctypes.byref(after))
    # The test's own: logits, labels, row values, outcome and workspace.
    assert after.allocations - before.allocations == 5
    assert (after.synchronizations, after.copies, after.modules) == (
        before.synchronizations,
        before.copies,
        before.modules,
    )
    assert after.launches - before.launches == 3
    assert after.depth == before.depth == 0


@pytest.mark.parametrize("dtype", LIMIT)
def test_images(dtype: str) -> None:
    """Rows that are pixels, in place and not, with soft labels too."""
    rng = np.random.default_rng(3)
    images, classes, height, width = 2, 37, 5, 9
    logits = stored(rng.standard_normal((images, classes, height, width)), dtype)
    shares = stored(rng.uniform(0, 1, logits.shape), dtype)
    labels = rng.integers(classes, size=images * height * width)
    plain = np.ascontiguousarray(loaded(logits, dtype).transpose(0, 2, 3, 1)).reshape(-1, classes)
    soft = np.ascontiguousarray(loaded(shares, dtype).transpose(0, 2, 3, 1)).reshape(-1, classes)
    strides = {
        "row_stride": 1,
        "class_stride": height * width,
        "group_stride": classes * height * width,
    }

    def of(name: str) -> dict[str, Any]:
        return {f"{name}_{key}": value for key, value in strides.items()}

    loss = CASES[0].make(np.ones(classes))
    shape: dict[str, Any] = {
        "rows": len(labels),
        "classes": classes,
        "rows_per_group": height * width,
    }
    for in_place in (False, True):
        answer = evaluate(
            loss,
            logits,
            labels,
            dtype=dtype,
            in_place=in_place,
            result_members=of("gradient"),
            **shape,
            **of("logits"),
        )
        value, gradient = loss.value_and_grad(plain, labels)
        _same(answer, value, gradient, (images, height, width, classes), dtype)
        answer = evaluate(
            loss,
            logits,
            None,
            dtype=dtype,
            second=shares,
            in_place=in_place,
            result_members=of("gradient"),
            **shape,
            **of("logits"),
            **of("soft_labels"),
        )
        value, gradient = loss.value_and_grad(plain, soft)
        _same(answer, value, gradient, (images, height, width, classes), dtype)


def _same(
    answer: Answer, value: float, gradient: Array, shape: tuple[int, ...], dtype: str
) -> None:
    assert answer.gradient is not None
    expected = gradient.reshape(shape).transpose(0, 3, 1, 2)
    found = loaded(answer.gradient, dtype)
    largest = np.abs(expected).max()
    tiny = 2.0**-25 if dtype == "float16" else 0
    np.testing.assert_array_less(
        np.abs(found - expected), 1e-6 * largest + LIMIT[dtype] * np.abs(expected) + tiny
    )
    assert abs(answer.value - value) <= 1e-6 * max(1, abs(value))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_special_rows(case: Case) -> None:
    """NaN, infinities, masked classes and labels, logits far from 0: as the processor has them."""
    rng = np.random.default_rng(11)
    classes = 40
    sample = case.sample(rng, (9, classes), np.dtype(np.float32))
    logits = sample.logits
    logits[0, 5], logits[1, 33], logits[2] = np.nan, np.inf, -np.inf
    logits[3, sample.labels[3]] = -np.inf
    logits[4, rng.random(logits.shape[1]) < 0.3] = -np.inf
    logits[4, sample.labels[4]] = 0.5
    logits[5, sample.labels[5]] += 40
    if not case.bounded:
        logits[6] *= 1000
        logits[7] += 3e5
    loss = case.make(sample.counts, reduction="none")
    heads = [np.ascontiguousarray(head) for head in sample.heads(logits)]
    members: dict[str, Any] = {}
    if sample.noise is not None:
        members["noise"] = np.ascontiguousarray(sample.noise, np.float32)
    expected, gradient = sample.value_and_grad(loss)
    for order, in_place in ((2, False), (1, True)):
        answer = evaluate(
            loss,
            heads[0],
            sample.labels,
            second=heads[1] if case.heads == 2 else None,
            in_place=in_place,
            order=order,
            **members,
        )
        parts = [part for part in (answer.gradient, answer.second_gradient) if part is not None]
        found = np.concatenate(parts, axis=1)
        for row in range(len(logits)):
            _row_is_like(
                answer.row_values[row], expected[row], found[row], gradient[row], case.looser, row
            )


def _row_is_like(
    value: float, expected: float, gradient: Array, wanted: Array, looser: float, row: int
) -> None:
    # Of far logits the last bits of differences are their own rounding.
    slack = 1e-5 if row in (6, 7) else 2e-6 * looser
    np.testing.assert_allclose(value, expected, rtol=slack, atol=slack, err_msg=f"row {row}")
    assert (np.isnan(gradient) == np.isnan(wanted)).all(), row
    largest = np.nanmax(np.abs(wanted), initial=0)
    # Exponentials below the smallest normal number may be 0.
    atol = slack * largest + 2.0**-100
    np.testing.assert_allclose(gradient, wanted, atol=atol, rtol=0, err_msg=f"row {row}")


def test_a_batch_without_weight() -> None:
    """Of mean 0, whatever its rows are, as on the processor."""
    loss = CASES[0].make(np.ones(5))
    logits = np.full((2, 5), np.nan, np.float32)
    answer = evaluate(loss, logits, np.array([0, 1]), sample_weight=np.zeros(2))
    assert (answer.value, answer.total_weight, answer.outcome.fault) == (0, 0, 0)

"""Every public function and loss with arrays that nobody expects.

What comes is the answer of a contiguous copy of the same numbers, or one of the documented errors,
and never a changed input. Fails without the copies of what C cannot walk and the refusals of what
has no numbers. Where TOPKLOSS_HOSTILE_EXAMPLES is set, as `make fuzz-python` does, each function
meets so many arrays, others in every run.
"""

from __future__ import annotations

import importlib
import inspect
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hostile_arrays import DISGUISES, FLOATS, ROWS, SIZES, label_vectors, matrices, vectors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from losses import CASES
from support import Array

import topkloss

EXAMPLES = os.environ.get("TOPKLOSS_HOSTILE_EXAMPLES")
many = settings(
    max_examples=int(EXAMPLES or 12),
    derandomize=EXAMPLES is None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
REFUSALS = (topkloss.TopKLossError, TypeError, MemoryError)

MODULES = (
    "topkloss",
    "topkloss.posthoc",
    "topkloss.metrics",
    "topkloss.conformal",
    "topkloss.class_weights",
)


def functions() -> Iterator[Any]:
    """What is public, takes arrays and is no loss: those have tests of their own below."""
    for name in MODULES:
        module = importlib.import_module(name)
        # Names of its own, where it does not list what it offers.
        listed = getattr(module, "__all__", None)
        for public, function in vars(module).items():
            own = public in listed if listed else getattr(function, "__module__", "") == name
            if not own or public.startswith("_") or not inspect.isfunction(function):
                continue
            if ARRAYS & {*inspect.signature(function).parameters}:
                yield pytest.param(function, id=f"{name}.{public}")


MATRICES = {"x", "scores", "logits", "probabilities"}
CLASS_VECTORS = {"class_counts", "counts", "class_values", "target_prior"}
ROW_VECTORS = {"sample_weight", "upstream"}
ARRAYS = {*MATRICES, *CLASS_VECTORS, *ROW_VECTORS, "labels", "threshold", "noise"}
FEATURES = 3
NUMBERS = {
    "k": st.sampled_from([1, 2, 3, 0, -1, 1 << 40]),
    "coverage": st.sampled_from([0.9, 0.0, 1.0, np.nan]),
}


@st.composite
def arguments(draw: Any, function: Callable[..., Any]) -> dict[str, Any]:
    """Ordinary arrays for a function's parameters, by their names."""
    rows, classes, dtype = draw(ROWS), draw(SIZES), draw(FLOATS)
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        optional = parameter.default is not inspect.Parameter.empty
        if optional and (name not in ARRAYS or name == "noise" or draw(st.booleans())):
            continue
        if name in MATRICES:
            probable = name == "probabilities"
            found[name] = draw(matrices(rows, classes, dtype, probabilities=probable))
        elif name == "inputs":
            found[name] = draw(matrices(rows, FEATURES, dtype, probabilities=False))
        elif name == "weight":
            found[name] = draw(matrices(classes, FEATURES, dtype, probabilities=False))
        elif name == "loss":
            found[name] = topkloss.CrossEntropyLoss()
        elif name == "labels":
            found[name] = draw(label_vectors(rows, classes))
        elif name in CLASS_VECTORS:
            found[name] = draw(vectors(classes))
        elif name in ROW_VECTORS:
            found[name] = draw(vectors(rows))
        elif name == "threshold":
            found[name] = draw(st.one_of(st.sampled_from([0.5, 0.0, np.nan]), vectors(classes)))
        else:
            assert name in NUMBERS, f"{function.__name__}: say what its parameter {name} may be"
            found[name] = draw(NUMBERS[name])
    return found


def outcome(function: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Its answer as a list of arrays, or None where it was refused in one of the ways to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = function(**given)
        except REFUSALS:
            return None
    parts = answer if isinstance(answer, tuple) else (answer,)
    return [
        np.asarray(part)
        for group in parts
        for part in (group if isinstance(group, tuple) else (group,))
    ]


def content(value: Any) -> Any:
    """What must not change."""
    return np.array(value, copy=True).tobytes() if isinstance(value, np.ndarray) else repr(value)


def check(function: Callable[..., Any], plain: dict[str, Any], data: Any) -> None:
    """Disguises some of the arrays and compares."""
    expected = outcome(function, plain)
    disguised = dict(plain)
    for name, value in plain.items():
        if isinstance(value, np.ndarray):
            disguised[name] = DISGUISES[data.draw(st.sampled_from(sorted(DISGUISES)))](value)
    before = {name: content(value) for name, value in disguised.items()}
    found = outcome(function, disguised)
    assert {name: content(value) for name, value in disguised.items()} == before, "an input changed"
    if found is None:
        return
    assert not any(np.ma.is_masked(value) for value in disguised.values()), "a mask was passed over"
    assert expected is not None, "answered for what a contiguous copy is refused for"
    for one, other in zip(found, expected, strict=True):
        # Lists are float64, which other kernels are for, and which has larger numbers.
        narrow = min(one.dtype, other.dtype, key=lambda dtype: dtype.itemsize)
        tolerance = 1e-2 if narrow == np.float16 else 1e-4
        with np.errstate(over="ignore"):
            one, other = (each.astype(narrow).astype(np.float64) for each in (one, other))
        largest = np.abs(other[np.isfinite(other)]).max(initial=1.0)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * largest)


@pytest.mark.parametrize("function", list(functions()))
@many
@given(data=st.data())
def test_functions(function: Callable[..., Any], data: Any) -> None:
    check(function, data.draw(arguments(function)), data)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@many
@given(data=st.data())
def test_losses(case: Any, data: Any) -> None:
    rows, classes, dtype = data.draw(ROWS), data.draw(SIZES), data.draw(FLOATS)
    if not case.allows(classes):
        return
    counts = np.arange(classes, 0, -1) ** 2.0
    loss = case.make(counts, reduction=data.draw(st.sampled_from(["mean", "sum", "none"])))
    given: dict[str, Any] = {
        name: data.draw(matrices(rows, classes, dtype, probabilities=False))
        for name in ("logits", "multi_label_logits")[: case.heads]
    }
    given["labels"] = data.draw(label_vectors(rows, classes))
    if data.draw(st.booleans()):
        given["sample_weight"] = data.draw(vectors(rows))

    def evaluate(**values: Any) -> Any:
        fresh = case.make(counts, reduction=loss.reduction)
        return (
            fresh.value_and_grad(*values.values())
            if "sample_weight" not in values
            else (
                fresh.value_and_grad(
                    *(value for name, value in values.items() if name != "sample_weight"),
                    sample_weight=values["sample_weight"],
                )
            )
        )

    check(evaluate, given, data)


# More than can be addressed, so that none is promised memory for a copy.
HUGE = [(1 << 45, 3), (3, 1 << 45), (1 << 22, 1 << 22, 6), (0, 1 << 60)]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.allows(3)], ids=lambda case: case.name
)
def test_huge_shapes(case: Any) -> None:
    """Of one number that is repeated: no copy of them, nor a walk over them, may be tried."""
    loss = case.make(np.arange(3, 0, -1) ** 2.0)
    for shape in HUGE:
        logits: Array = np.broadcast_to(np.float32(0), shape)
        labels: Array = np.broadcast_to(np.int64(0), shape[:-1])
        with pytest.raises(REFUSALS):
            loss.value_and_grad(*[logits] * case.heads, labels)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.heads == 1], ids=lambda case: case.name
)
@many
@given(data=st.data())
def test_overlapping_outputs(case: Any, data: Any) -> None:
    """In place of the logits, or anywhere across them: the right gradient, or a refusal."""
    rows, classes, dtype = data.draw(st.integers(1, 5)), data.draw(SIZES), data.draw(FLOATS)
    if not case.allows(classes):
        return
    counts = np.arange(classes, 0, -1) ** 2.0
    memory = np.zeros((rows + 2) * (classes + 2), dtype)
    strides = data.draw(st.sampled_from([classes, classes + 1])) * memory.itemsize, memory.itemsize

    def view(start: int) -> Array:
        return np.lib.stride_tricks.as_strided(memory[start:], (rows, classes), strides)

    logits, out = view(0), view(data.draw(st.integers(0, classes)))
    logits[:] = data.draw(matrices(rows, classes, dtype, probabilities=False))
    labels = np.arange(rows) % classes
    before = logits.copy()
    expected = outcome(case.make(counts).value_and_grad, {"logits": before, "labels": labels})
    found = outcome(
        case.make(counts).value_and_grad, {"logits": logits, "labels": labels, "out": out}
    )
    if found is None:
        np.testing.assert_array_equal(logits, before)
    else:
        assert expected is not None
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)

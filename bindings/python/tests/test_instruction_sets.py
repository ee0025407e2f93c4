"""Every instruction set that the processor has gives the right answers, and the same noise.

The instruction set is chosen when the library is loaded, so each has a process of its own, which
writes its results to a file. They are compared here, where nothing is computed by the library.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference
from losses import KINDS
from support import (
    BFLOAT16,
    DTYPES,
    FLOAT64,
    MEMBERS,
    assert_gradient,
    assert_value,
    long_tail,
)

import topkloss

LEVELS = ("portable", "avx2", "avx512")
CLASSES = (1, 2, 3, 7, 15, 16, 17, 31, 33, 100, 1000)
ROWS = 4


def batch(member, dtype, classes):
    """A batch that is the same in every process."""
    rng = np.random.default_rng(classes)
    counts = long_tail(classes, rng)
    logits = member.logits(rng, (ROWS, classes), dtype)
    if classes > 3:
        logits[1, classes // 2] = -np.inf
    weights = rng.uniform(0.5, 2, classes)
    labels = rng.integers(classes, size=ROWS)
    noise = rng.standard_normal((ROWS, 5, classes))
    return counts, logits, weights, labels, noise.astype(np.float64 if dtype == FLOAT64 else "f4")


def options(weights, classes):
    """Label smoothing where no class is masked and there are others to take probability from."""
    smoothing = 0.1 if classes in (2, 3) else 0.0
    return {"class_weight": weights, "label_smoothing": smoothing, "reduction": "none"}


def compute(path):
    """All results of this process's instruction set. bfloat16 is stored as bits."""
    results = {"simd": np.array(topkloss.simd)}

    def keep(name, values, gradient):
        for part, array in (("values", values), ("gradient", gradient)):
            bits = array.view(np.uint16) if array.dtype == BFLOAT16 else array
            results[f"{name} {part}"] = bits

    for dtype in DTYPES:
        for classes in CLASSES:
            for member in MEMBERS:
                counts, logits, weights, labels, noise = batch(member, dtype, classes)
                loss = member.make(counts, **options(weights, classes))
                keep(f"{member.name} {dtype} {classes}", *loss.value_and_grad(logits, labels))
            for kind in KINDS:
                if kind.least_classes <= classes:
                    loss = kind.make(counts, reduction="none")
                    keep(f"{kind.name} {dtype} {classes}", *loss.value_and_grad(logits, labels))
            if classes > 1:
                loss = topkloss.NoisedTopKLoss(min(5, classes - 1), reduction="none")
                given = loss.value_and_grad(logits, labels, noise=noise)
                keep(f"noised {dtype} {classes}", *given)
            adjusted = topkloss.posthoc.logit_adjust(logits, counts)
            results[f"adjusted {dtype} {classes}"] = adjusted.astype(np.float64)
            accuracy = topkloss.metrics.topk_accuracy(logits, labels, 5)
            results[f"accuracy {dtype} {classes}"] = np.array(accuracy)
    for classes in (*CLASSES, 100_003):
        noise = topkloss.standard_normal(2**63 + 11, 5, 2**33, 2, 3, classes)
        results[f"noise {classes}"] = noise.view(np.uint32)
    np.savez(path, **results)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of each level that the processor has."""
    folder = tmp_path_factory.mktemp("levels")
    found = {}
    for level in LEVELS:
        path = folder / f"{level}.npz"
        script = f"import test_instruction_sets as t; t.compute({str(path)!r})"
        environment = {**os.environ, "TOPKLOSS_SIMD": level}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        )
        subprocess.run([sys.executable, "-c", script], check=True, env=environment)
        with np.load(path) as arrays:
            loaded = dict(arrays)
        if loaded["simd"] == level:
            found[level] = loaded
    assert "portable" in found
    return found


def level_of(results, level):
    if level not in results:
        pytest.skip(f"this processor has no {level}")
    return results[level]


def stored(array, dtype):
    return array.view(BFLOAT16) if dtype == BFLOAT16 else array


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_softmax_margin(results, level, dtype, member):
    found = level_of(results, level)
    for classes in CLASSES:
        counts, logits, weights, labels, _ = batch(member, dtype, classes)
        values, gradient = member.expect(
            counts,
            logits,
            labels,
            **options(weights, classes),
        )
        name = f"{member.name} {dtype} {classes}"
        assert_value(stored(found[f"{name} values"], dtype), values, dtype)
        assert_gradient(stored(found[f"{name} gradient"], dtype), gradient, dtype)


@functools.cache
def expected_of(kind, dtype, classes):
    """The reference's, for all levels."""
    counts, logits, _, labels, _ = batch(MEMBERS[-1], dtype, classes)
    return kind.expect(counts, logits, labels, reduction="none")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_other_losses(results, level, dtype, kind):
    found = level_of(results, level)
    for classes in CLASSES:
        if not kind.least_classes <= classes <= kind.most_classes:
            continue
        values, gradient = expected_of(kind, dtype, classes)
        name = f"{kind.name} {dtype} {classes}"
        assert_value(stored(found[f"{name} values"], dtype), values, dtype, kind.looser)
        assert_gradient(stored(found[f"{name} gradient"], dtype), gradient, dtype, kind.looser)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_noised_topk(results, level, dtype):
    found = level_of(results, level)
    for classes in CLASSES[1:]:
        _, logits, _, labels, noise = batch(MEMBERS[-1], dtype, classes)
        values, gradient = reference.noised_topk(
            logits, labels, noise, k=min(5, classes - 1), epsilon=1.0, reduction="none"
        )
        name = f"noised {dtype} {classes}"
        assert_value(stored(found[f"{name} values"], dtype), values, dtype)
        assert_gradient(stored(found[f"{name} gradient"], dtype), gradient, dtype)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_noise_has_the_same_bits(results, level):
    found = level_of(results, level)
    for name, words in results["portable"].items():
        if name.startswith("noise "):
            np.testing.assert_array_equal(found[name], words, err_msg=name)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_ranks_and_sums_are_the_same(results, level):
    """What only compares and adds is the same on every instruction set."""
    found = level_of(results, level)
    for name, expected in results["portable"].items():
        if name.startswith(("accuracy", "adjusted")):
            np.testing.assert_array_equal(found[name], expected, err_msg=name)


@pytest.mark.parametrize("asked", ["avx1024", "", "AVX2"])
def test_unknown_names_are_not_obeyed(asked):
    """The library then chooses for itself."""
    script = "import topkloss; print(topkloss.simd)"
    answer = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TOPKLOSS_SIMD": asked},
    )
    assert answer.stdout.strip() in LEVELS
    assert answer.stderr == ""

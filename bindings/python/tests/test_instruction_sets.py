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
from case import assert_large, large
from losses import BY_NAME, CASES, SOFT, SOFTMAX, cases
from support import BFLOAT16, DTYPES, FLOAT16, FLOAT32, assert_gradient, assert_value, bits

import topkloss

LEVELS = ("neon",) if os.uname().machine == "aarch64" else ("portable", "avx2", "avx512")
CLASSES = (1, 2, 3, 7, 15, 16, 17, 31, 33, 100, 1000)
ROWS = 4
# The reference takes every class for the label. Of other types than float32: one, fewer than a
# vector of any instruction set has, as many, and more.
SOFT_CLASSES = {dtype: CLASSES[:-1] if dtype == FLOAT32 else (1, 15, 16, 33) for dtype in DTYPES}


def problem(case, dtype, classes):
    """A batch and options of the loss that are the same in every process."""
    rng = np.random.default_rng(classes)
    batch = case.sample(rng, (ROWS, classes), dtype)
    options = case.class_options(rng, classes)
    if classes not in (2, 3):
        options.pop("label_smoothing", None)  # there are no others, or one of them is masked
    if classes > 3:
        masked = classes // 2
        if case.masks_label or batch.labels[1] != masked:
            batch.logits[1, masked] = -np.inf
    return batch, options


def soft_labels(classes, dtype):
    """The same in every process; where a class may be masked, its share is 0."""
    q = np.random.default_rng(classes).random((ROWS, classes))
    q[1, classes // 2] = 0
    return q.astype(dtype)


def compute(path, level):
    """All results of this process's instruction set, if the processor has it.

    bfloat16 is stored as bits.
    """
    if topkloss.simd != level:
        return
    results = {}
    for dtype in DTYPES:
        for classes in CLASSES:
            for case in CASES:
                if not case.allows(classes):
                    continue
                batch, options = problem(case, dtype, classes)
                loss = case.make(batch.counts, reduction="none", **options)
                pair = batch.value_and_grad(loss)
                for part, array in zip(("values", "gradient"), pair, strict=True):
                    stored = array.view(np.uint16) if dtype == BFLOAT16 else array
                    results[f"{case.name} {dtype} {classes} {part}"] = stored
            for case in SOFT if classes in SOFT_CLASSES[dtype] else ():
                batch, options = problem(case, dtype, classes)
                loss = case.make(batch.counts, reduction="none", **options)
                found = loss.value_and_grad(batch.logits, soft_labels(classes, dtype))
                results[f"soft {case.name} {dtype} {classes} values"] = found[0].astype(float)
                results[f"soft {case.name} {dtype} {classes} gradient"] = found[1].astype(float)
            if classes == 100:
                for case in SOFTMAX:
                    batch = large(case, (6, classes), dtype, 15 if dtype == FLOAT16 else 35)
                    loss = case.make(batch.counts, reduction="none")
                    pair = batch.value_and_grad(loss)
                    results[f"large {case.name} {dtype} values"] = pair[0].astype(np.float64)
                    results[f"large {case.name} {dtype} gradient"] = pair[1].astype(np.float64)
            batch, _ = problem(CASES[0], dtype, classes)
            adjusted = topkloss.posthoc.logit_adjust(batch.logits, batch.counts)
            results[f"adjusted {dtype} {classes}"] = adjusted.astype(np.float64)
            accuracy = topkloss.metrics.topk_accuracy(batch.logits, batch.labels, 5)
            results[f"accuracy {dtype} {classes}"] = np.array(accuracy)
    for classes in (*CLASSES, 100_003):
        noise = topkloss.standard_normal(2**63 + 11, 5, 2**33, 2, 3, classes)
        results[f"noise {classes}"] = noise.view(np.uint32)
    np.savez(path, **results)


def run(script, level):
    environment = {**os.environ, "TOPKLOSS_SIMD": level}
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    return subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of each level that the processor has."""
    folder = tmp_path_factory.mktemp("levels")
    found = {}
    for level in LEVELS:
        path = folder / f"{level}.npz"
        run(f"import test_instruction_sets as t; t.compute({str(path)!r}, {level!r})", level)
        if path.exists():
            with np.load(path) as arrays:
                found[level] = dict(arrays)
    assert LEVELS[0] in found
    return found


@functools.cache
def expected_of(name, dtype, classes):
    """The formulation's, for all levels."""
    batch, options = problem(BY_NAME[name], dtype, classes)
    return batch.expect(options, reduction="none")


@cases
@pytest.mark.parametrize("level", LEVELS)
def test_every_loss(results, level, case):
    """Of every type and many numbers of classes."""
    if level not in results:
        pytest.skip(f"this processor has no {level}")
    for dtype in DTYPES:
        for classes in filter(case.allows, CLASSES):
            values, gradient = (
                results[level][f"{case.name} {dtype} {classes} {part}"]
                for part in ("values", "gradient")
            )
            if dtype == BFLOAT16:
                values, gradient = values.view(BFLOAT16), gradient.view(BFLOAT16)
            expected, slope = expected_of(case.name, dtype, classes)
            assert_value(values, expected, dtype, case.looser)
            assert_gradient(gradient, slope, dtype, case.looser)


@pytest.mark.parametrize("case", SOFT, ids=lambda case: case.name)
def test_soft_labels(results, case):
    for dtype in DTYPES:
        for classes in SOFT_CLASSES[dtype]:
            batch, options = problem(case, dtype, classes)
            q = soft_labels(classes, dtype)
            row = case.row(batch.counts)
            rows = [
                reference.soft_row(row, *pair, **options)
                for pair in zip(batch.logits, q, strict=True)
            ]
            values, slope = (np.array(part) for part in zip(*rows, strict=True))
            for found in results.values():
                name = f"soft {case.name} {dtype} {classes}"
                assert_value(found[f"{name} values"].astype(dtype), values, dtype)
                assert_gradient(found[f"{name} gradient"].astype(dtype), slope, dtype)


@pytest.mark.parametrize("case", SOFTMAX, ids=lambda case: case.name)
def test_large_logits(results, case):
    """Products of class scales and logits are rounded on every one of them."""
    for dtype in DTYPES:
        batch = large(case, (6, 100), dtype, 15 if dtype == FLOAT16 else 35)
        for found in results.values():
            pair = (found[f"large {case.name} {dtype} {part}"] for part in ("values", "gradient"))
            assert_large(case, batch, *pair)


@pytest.mark.parametrize("level", LEVELS[1:])
@pytest.mark.parametrize("what", ["noise", "accuracy", "adjusted"])
def test_same_bits(results, level, what):
    """Of noise, and of what only compares and adds."""
    if level not in results:
        pytest.skip(f"this processor has no {level}")
    names = [name for name in results[LEVELS[0]] if name.startswith(what)]
    assert names
    for name in names:
        assert bits(results[level][name]) == bits(results[LEVELS[0]][name]), name


@pytest.mark.parametrize("asked", ["avx1024", "", "AVX2"])
def test_unknown_names_are_not_obeyed(asked):
    """The library then chooses for itself."""
    answer = run("import topkloss; print(topkloss.simd)", asked)
    assert answer.stdout.strip() in LEVELS
    assert answer.stderr == ""

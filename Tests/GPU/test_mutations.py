"""Barriers and shuffles that are left out show: some of them, or all with TOPKLOSS_GPU_TESTS=all."""

from __future__ import annotations

import os
import random
import warnings

import pytest

import mutations

SEED = int(os.environ.get("SEED", "0"))


@pytest.mark.parametrize("only", ["bar.sync", "shfl.sync"])
def test_what_is_left_out_shows(only: str) -> None:
    everything = os.environ.get("TOPKLOSS_GPU_TESTS") == "all"
    cases = mutations.CASES if everything else random.Random(SEED).sample(mutations.CASES, 2)
    dtypes = ("float32", "float16", "bfloat16") if everything else ("float32",)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, tried = mutations.survivors(
            list(cases), dtypes, count=None if everything else 6, seed=SEED, only=only
        )
    assert tried > 5
    assert not found

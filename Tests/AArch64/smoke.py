"""The package on aarch64: its own library, its instruction set, a loss, a message, threads."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import topkloss
from topkloss._library import library

assert platform.machine() == "aarch64", platform.machine()
assert topkloss.simd == "neon", topkloss.simd
assert Path(library._name).parent == Path(topkloss.__file__).parent, library._name

rng = np.random.default_rng(0)
logits = rng.normal(size=(2000, 37)) * 3
labels = rng.integers(37, size=2000)
exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
one_hot = np.eye(37)[labels]
value = -np.log(probabilities[one_hot == 1]).mean()
gradient = (probabilities - one_hot) / len(labels)
for dtype, bound in ((np.float64, 1e-14), (np.float32, 1e-6), (np.float16, 2e-3)):
    for threads in (1, 3):
        topkloss.set_num_threads(threads)
        loss = topkloss.CrossEntropyLoss()
        found = loss.value_and_grad(logits.astype(dtype), labels)
        assert abs(found[0] - value) < bound * value, (dtype, found[0], value)
        assert np.abs(found[1] - gradient).max() < bound / len(labels), dtype

message = ""
try:
    topkloss.CrossEntropyLoss()(logits, labels + 1)
except topkloss.TopKLossError as error:
    message = str(error)
assert "37" in message, message
print("passed: the wheel on aarch64")

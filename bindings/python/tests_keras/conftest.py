"""What the registry's losses are compared with, in whichever backend Keras was imported with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parents[1] / "tests"))

Gradient = Callable[[Any, NDArray[Any], NDArray[Any]], NDArray[Any]]


def _of_torch(loss: Any, labels: NDArray[Any], scores: NDArray[Any]) -> NDArray[Any]:
    import torch

    leaf = torch.from_numpy(scores).requires_grad_()
    (found,) = torch.autograd.grad(loss(labels, leaf).sum(), leaf)
    return np.asarray(found)


def _of_jax(loss: Any, labels: NDArray[Any], scores: NDArray[Any]) -> NDArray[Any]:
    import jax

    return np.asarray(jax.jit(jax.grad(lambda z: loss(labels, z).sum()))(scores))


@pytest.fixture
def gradient() -> Gradient:
    """The gradient of the sum of what a loss gives, with respect to the scores."""
    return {"torch": _of_torch, "jax": _of_jax}[keras.config.backend()]

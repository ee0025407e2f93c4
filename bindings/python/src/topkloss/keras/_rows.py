"""One value a row, by the backend that Keras runs on."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import keras

from topkloss._loss import AnyLoss
from topkloss.errors import TopKLossError

Rows: TypeAlias = Callable[[Any, Any], Any]
"""Logits of shape (..., C) and labels, to values of shape (...) with a gradient."""


def _of_torch(loss: AnyLoss) -> Rows:
    package = importlib.import_module("topkloss.torch")
    module = getattr(package, type(loss).__name__)(**loss._arguments)

    def rows(logits: Any, labels: Any) -> Any:
        if logits.ndim < 3:
            return module(logits, labels)
        # PyTorch has the classes behind the first axis: a view.
        soft = labels.movedim(-1, 1) if labels.ndim == logits.ndim else labels
        return module(logits.movedim(-1, 1), soft)

    return rows


def _of_jax(loss: AnyLoss) -> Rows:
    if loss._traits.is_random(loss):
        raise TopKLossError(
            f"{type(loss).__name__} draws noise in each call, and a compiled step of JAX would "
            "draw the same in all: use estimator='exact' with Keras's JAX backend",
            "TOPKLOSS_ERROR_UNSUPPORTED",
        )
    function = getattr(importlib.import_module("topkloss.jax"), f"{loss._kind}_loss")
    taken = inspect.signature(function).parameters.keys() & loss._arguments.keys()
    options = {name: loss._arguments[name] for name in taken}

    def rows(logits: Any, labels: Any) -> Any:
        return function(logits, labels, **options)

    return rows


_BACKENDS = {"torch": _of_torch, "jax": _of_jax}


def rows_of(loss: AnyLoss) -> Rows:
    """The loss of each row, in the backend that Keras was imported with.

    Args:
        loss: A loss of one head, with the reduction ``"none"``.

    Raises:
        TopKLossError: It is neither PyTorch nor JAX, or the loss cannot be had there.
    """
    backend = keras.config.backend()
    if backend not in _BACKENDS:
        raise TopKLossError(
            f"Keras runs on {backend}; the losses of topkloss need PyTorch or JAX: set the "
            "environment variable KERAS_BACKEND to torch or jax before Keras is imported",
            "TOPKLOSS_ERROR_UNSUPPORTED",
        )
    return _BACKENDS[backend](loss)

"""The losses to choose from. This is the one place where topkloss functions are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import numpy as np
import topkloss.jax
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.int64]
Values: TypeAlias = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""The loss of each row from logits (B, C), labels (B,) and the number of the training step."""


@dataclass(frozen=True)
class Method:
    """A loss, and whether it expects cosines, from a normalised last layer."""

    build: Callable[[Counts], Values]
    """Makes the loss from the training rows of each class, shape (C,)."""

    normalized: bool = False


def plain(function: Callable[..., jax.Array], **options: Any) -> Callable[[Counts], Values]:
    """A loss that needs no counts."""
    return lambda counts: lambda logits, labels, step: function(logits, labels, **options)


def counting(function: Callable[..., jax.Array], **options: Any) -> Callable[[Counts], Values]:
    """A loss that is made from the counts."""
    return lambda counts: lambda logits, labels, step: function(logits, labels, counts, **options)


def noised(counts: Counts) -> Values:
    """The step makes the noise another one in each step, and the same in each run."""
    return lambda logits, labels, step: topkloss.jax.noised_topk_loss(
        logits, labels, k=5, epsilon=0.3, step=step
    )


METHODS: dict[str, Method] = {
    "cross-entropy": Method(plain(topkloss.jax.cross_entropy_loss)),
    "logit-adjusted": Method(counting(topkloss.jax.logit_adjusted_loss, tau=0.5)),
    "focal": Method(plain(topkloss.jax.focal_loss, gamma=1.0)),
    "ldam": Method(counting(topkloss.jax.ldam_loss, max_margin=0.05), normalized=True),
    "elm": Method(counting(topkloss.jax.elm_loss, max_margin=0.2), normalized=True),
    "topk-hinge": Method(plain(topkloss.jax.topk_hinge_loss, k=5)),
    "noised-top5": Method(noised),
    "noised-top5-exact": Method(
        plain(topkloss.jax.noised_topk_loss, k=5, epsilon=0.3, estimator="exact")
    ),
    "smooth-top5-svm": Method(plain(topkloss.jax.smooth_topk_svm_loss, k=5)),
    "outlying-mse": Method(
        lambda counts: plain(
            topkloss.jax.outlying_mse_loss, teacher=np.sqrt(counts.max() / counts)
        )(counts)
    ),
}

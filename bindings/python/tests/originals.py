"""The implementations that docs/moving*.md begin at, by their formulas, as modules to import.

pytopk is not here: it is installed with the tests' frameworks.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot


def ldam(cls_num_list: Any, max_m: float = 0.5, weight: Any = None, s: float = 30) -> Any:
    """kaidic/LDAM-DRW, losses.py."""
    margins = np.asarray(cls_num_list, float) ** -0.25
    margins = torch.tensor(margins * max_m / margins.max(), dtype=torch.float32)

    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        lowered = scores - margins * one_hot(labels, scores.shape[1])
        return cross_entropy(s * lowered, labels, weight=weight)

    return loss


def ldam_focal(weight: Any = None, gamma: float = 0.0) -> Any:
    """The same file's focal loss."""

    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        rows = cross_entropy(scores, labels, reduction="none", weight=weight)
        return ((1 - torch.exp(-rows)) ** gamma * rows).mean()

    return loss


def _elementary(scores: Tensor, degree: int) -> Tensor:
    """Elementary symmetric polynomials of exp(scores), from the coefficients of a product."""
    found = [torch.ones(len(scores), dtype=scores.dtype)]
    found += [torch.zeros_like(found[0])] * degree
    for column in torch.exp(scores).T:
        found = [found[0], *(found[r] + column * found[r - 1] for r in range(1, degree + 1))]
    return found[degree]


def smooth_topk_svm(n_classes: int, alpha: Any = None, tau: float = 1.0, k: int = 5) -> Any:
    """oval-group/smooth-topk, topk/svm.py: the mean over rows of the smooth form."""
    margin = 1.0 if alpha is None else alpha

    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        is_rival = ~one_hot(labels, n_classes).bool()
        scaled = scores.double() / (k * tau)
        rivals = scaled[is_rival].reshape(len(scores), n_classes - 1)
        within = torch.log(_elementary(rivals, k - 1)) + scaled[~is_rival]
        without = torch.log(_elementary(rivals, k)) + margin / tau
        return (tau * (torch.logaddexp(within, without) - within)).mean()

    return loss


def smooth_top1_svm(n_classes: int, alpha: Any = None, tau: float = 1.0) -> Any:
    """The same file's form for k = 1."""
    margin = 1.0 if alpha is None else alpha

    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        raised = scores + margin * (1 - one_hot(labels, n_classes))
        own = scores.gather(1, labels[:, None])
        return (tau * torch.logsumexp((raised - own) / tau, dim=1)).mean()

    return loss


def kornia_focal(
    alpha: Any, gamma: float = 2.0, reduction: str = "none", weight: Any = None
) -> Any:
    """Of kornia 0.8, kornia/losses/focal.py: of the scores' shape, zero but for the labels."""

    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        logs = scores.log_softmax(1)
        counts = labels != -100
        chosen = one_hot(labels * counts, scores.shape[1]) * counts[:, None]
        rows = -((1 - logs.exp()) ** gamma) * logs * chosen
        if alpha is not None:
            rows = rows * torch.tensor([1 - alpha] + [alpha] * (scores.shape[1] - 1))
        rows = rows if weight is None else rows * weight
        return {"none": rows, "mean": rows.mean(), "sum": rows.sum()}[reduction]

    return loss


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """torchvision/ops/focal_loss.py."""
    logs = binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    rows = logs * (1 - torch.exp(-logs)) ** gamma
    if alpha >= 0:
        rows = rows * torch.where(targets > 0, alpha, 1 - alpha)
    return {"none": rows, "mean": rows.mean(), "sum": rows.sum()}[reduction]


def balanced_softmax_loss(
    labels: Tensor, logits: Tensor, sample_per_class: Tensor, reduction: str
) -> Tensor:
    """jiawei-ren/BalancedMetaSoftmax-Classification, loss/BalancedSoftmaxLoss.py."""
    return cross_entropy(logits + sample_per_class.float().log(), labels, reduction=reduction)


def build_loss_fn(use_la_loss: bool, base_probs: Any, tau: float = 1.0) -> Any:
    """google-research/google-research, logit_adjustment/utils.py, with PyTorch for TensorFlow."""
    offset = torch.tensor(np.log(np.asarray(base_probs) ** tau + 1e-12), dtype=torch.float32)
    return lambda labels, logits: cross_entropy(logits + use_la_loss * offset, labels)


def modules() -> dict[str, ModuleType]:
    """By the names under which the pages import them, and their packages."""
    contents = {
        "losses": {"LDAMLoss": ldam, "FocalLoss": ldam_focal},
        "topk.svm": {"SmoothTop1SVM": smooth_top1_svm, "SmoothTopkSVM": smooth_topk_svm},
        "kornia.losses": {"FocalLoss": kornia_focal},
        "torchvision.ops": {"sigmoid_focal_loss": sigmoid_focal_loss},
        "loss.BalancedSoftmaxLoss": {"balanced_softmax_loss": balanced_softmax_loss},
        "logit_adjustment.utils": {"build_loss_fn": build_loss_fn},
    }
    made = {}
    for name, members in contents.items():
        made[name.partition(".")[0]] = ModuleType(name.partition(".")[0])
        made[name] = ModuleType(name)
        vars(made[name]).update(members)
    return made

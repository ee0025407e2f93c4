"""The usual arguments, in few steps: plain contiguous tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from topkloss import _abi
from topkloss._evaluation import BATCH_SIZE
from topkloss.torch._autocast import HALVES
from topkloss.torch._modes import dispatch_modes, is_traced
from topkloss.torch._tensors import FLOAT_CODES, LABEL_CODES

_PLAIN = (Tensor, torch.nn.Parameter)
_STRIDED = torch.strided

# A thread's first question makes PyTorch tell OpenMP its number, which the library goes by.
tell_openmp = torch.get_num_threads


def plain_batch(logits: Tensor, labels: Tensor) -> _abi.batch | None:
    """A batch of plain contiguous tensors, whatever their sizes; None for any others.

    What an `Evaluation` describes for the usual arguments: see
    `topkloss._evaluation.evaluate_plain`.
    """
    if type(logits) not in _PLAIN or type(labels) not in _PLAIN:
        return None
    if dispatch_modes() or is_traced():
        return None
    dtype = logits.dtype
    code = FLOAT_CODES.get(dtype)
    label_type = LABEL_CODES.get(labels.dtype)
    if code is None or label_type is None or not (logits.is_cpu and labels.is_cpu):
        return None
    if dtype in HALVES and torch.is_autocast_enabled("cpu"):
        return None  # its value is not of the dtype of the logits
    shape = logits.shape
    if len(shape) != 2 or labels.shape != shape[:1]:
        return None
    if logits.layout is not _STRIDED or labels.layout is not _STRIDED:
        return None
    if not (logits.is_contiguous() and labels.is_contiguous()) or logits.is_neg():
        return None
    try:
        scores, indices = logits.data_ptr(), labels.data_ptr()
    except RuntimeError:
        return None
    if not (scores and indices):
        return None  # without elements, or without memory of its own
    tell_openmp()
    rows, classes = shape
    return _abi.batch(BATCH_SIZE, rows, classes, code, label_type, scores, 0, indices)

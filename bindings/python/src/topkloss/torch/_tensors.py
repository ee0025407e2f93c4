"""Tensors in: their addresses, types and strides as C wants them."""

from __future__ import annotations

import torch
from torch import Tensor

from topkloss import _abi
from topkloss.errors import TopKLossError
from topkloss.torch._layouts import row_shape
from topkloss.torch._modes import has_tangent

FLOAT_CODES = {
    torch.float32: _abi.TOPKLOSS_FLOAT32,
    torch.float64: _abi.TOPKLOSS_FLOAT64,
    torch.float16: _abi.TOPKLOSS_FLOAT16,
    torch.bfloat16: _abi.TOPKLOSS_BFLOAT16,
}
LABEL_CODES = {torch.int64: _abi.TOPKLOSS_INT64, torch.int32: _abi.TOPKLOSS_INT32}
_OTHER_INTEGERS = (torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32)


def has_memory(tensor: Tensor) -> bool:
    """Whether the elements of a tensor, if it has any, lie at an address.

    Those of wrappers do not: of distributed and fake tensors, and of those that transforms pass to
    functions. Their address is 0, which to C means that the argument is not given.
    """
    try:
        if tensor.untyped_storage().device != tensor.device:
            return False  # a fake one, which warns if it is asked for its address
        return tensor.data_ptr() != 0 or tensor.numel() == 0
    except RuntimeError:
        return False


def with_memory(name: str, value: object) -> Tensor:
    """A tensor with elements that have addresses, on the CPU or on a device."""
    if not isinstance(value, Tensor):
        raise TopKLossError(
            f"{name} is a {type(value).__name__}; it must be a torch.Tensor",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    strided = value.layout == torch.strided
    if strided and (value.is_cpu or value.is_cuda) and not has_memory(value):
        raise TopKLossError(
            f"{name} is a {type(value).__name__} without memory of its own: it is distributed, "
            "fake, or inside a transform such as torch.func.grad. topkloss takes plain tensors; "
            "of a DTensor, give the local one",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    if not (strided and (value.is_cpu or value.is_cuda)):
        raise TopKLossError(
            f"{name} is on the device {value.device} with layout {value.layout}; topkloss takes "
            "strided tensors on the CPU or on CUDA devices",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    # Lazily negated tensors (imaginary parts of conjugates) hold the opposite of their values.
    return value.resolve_neg() if value.is_neg() else value


def _usable(tensor: Tensor) -> Tensor:
    """The tensor itself if C can walk it (see `topkloss._arrays`), else a contiguous copy."""
    if tensor.is_contiguous():
        return tensor
    *strides, class_stride = tensor.stride()
    if class_stride != 1 and tensor.shape[-1] > 1:
        return tensor.contiguous()
    repeated = any(n > 1 and s == 0 for n, s in zip(tensor.shape[:-1], strides, strict=True))
    return tensor.contiguous() if repeated else tensor


def number(value: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor of one number.

    Beyond the type's range it is infinite, as PyTorch's own losses are; filling refuses it.
    """
    try:
        return torch.full((), value, dtype=dtype, device=device)
    except RuntimeError:
        return torch.tensor(value, dtype=torch.float64, device="cpu").to(device, dtype)


def scalar(value: float, like: Tensor) -> Tensor:
    """The same of the type and on the device of another tensor, in less time."""
    try:
        return like.new_full((), value)
    except RuntimeError:
        return number(value, like.dtype, like.device)


def element_stride(tensor: Tensor, axis: int) -> int:
    """Elements from one index of an axis to the next as C wants it: 0 for contiguous."""
    if tensor.is_contiguous() or tensor.shape[axis] <= 1:
        return 0
    return tensor.stride(axis)


def score_block(name: str, value: object) -> tuple[Tensor, int]:
    """Scores of any number of rows, and the code of their element type."""
    tensor = with_memory(name, value)
    code = FLOAT_CODES.get(tensor.dtype)
    if code is None:
        raise TopKLossError(
            f"{name} has dtype {tensor.dtype}; it must be float32, float64, float16 or bfloat16",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    if not tensor.dim():
        raise TopKLossError(
            f"{name} has shape (); it must be (C), (N, C) or (N, C, d1, ..., dm)",
            "TOPKLOSS_ERROR_SIZE",
        )
    return tensor, code


def require_device(name: str, value: object, logits: object) -> None:
    """Refuses scores of a second head that are not on the device of those of the first."""
    if not (isinstance(value, Tensor) and isinstance(logits, Tensor)):
        return
    if (logits.is_cpu or logits.is_cuda) and value.device != logits.device:
        raise TopKLossError(
            f"{name} is on the device {value.device}, the logits on {logits.device}; the scores "
            "of both heads must be on one device",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )


def like(name: str, value: object, logits: Tensor) -> Tensor:
    """Scores of the shape and dtype of the logits."""
    tensor = score_block(name, value)[0]
    if tensor.shape != logits.shape:
        raise TopKLossError(
            f"{name} has shape {tuple(tensor.shape)}; the logits have shape {tuple(logits.shape)}",
            "TOPKLOSS_ERROR_SIZE",
        )
    if tensor.dtype != logits.dtype:
        raise TopKLossError(
            f"{name} has dtype {tensor.dtype}; the logits have dtype {logits.dtype}",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    return tensor


def _require_rows(name: str, tensor: Tensor, rows: tuple[int, ...], hint: str = "") -> None:
    if tensor.shape != rows:
        raise TopKLossError(
            f"{name} has shape {tuple(tensor.shape)}; for the rows of these logits it must be "
            f"{rows}{hint}",
            "TOPKLOSS_ERROR_SIZE",
        )


def _what_to_do(labels: Tensor, scores: Tensor) -> str:
    """What is likely meant by labels that have not the shape of the rows."""
    said = f". The logits have shape {tuple(scores.shape)}, of which "
    said += "dimension 1 is the classes" if scores.dim() > 1 else "all is the classes"
    if labels.shape == scores.shape:
        return f"{said}: give class indices, or soft labels of a floating-point dtype"
    if scores.dim() > 2 and labels.shape == scores.shape[:-1]:
        return f"{said}: where they are last, give logits.movedim(-1, 1)"
    if labels.dim() > 1 and labels.shape[1] == 1 and labels.squeeze(1).shape == row_shape(scores):
        return f"{said}: give labels.squeeze(1)"
    return said


def label_block(name: str, value: object, scores: Tensor) -> tuple[Tensor, int]:
    """One class index for each row, and the code of their type."""
    tensor = with_memory(name, value)
    code = LABEL_CODES.get(tensor.dtype)
    if code is None:
        if tensor.dtype not in _OTHER_INTEGERS:
            raise TopKLossError(
                f"{name} has dtype {tensor.dtype}; class indices must be integers, signed if of "
                f"64 bits, and soft labels have the shape of the logits, {tuple(scores.shape)}",
                "TOPKLOSS_ERROR_ENUMERATOR",
            )
        tensor, code = tensor.to(torch.int64), _abi.TOPKLOSS_INT64
    rows = row_shape(scores)
    if tensor.shape != rows:
        _require_rows(name, tensor, rows, _what_to_do(tensor, scores))
    return tensor.contiguous(), code


def is_soft(labels: object) -> bool:
    """Whether labels are no class indices, but numbers for all classes."""
    return isinstance(labels, Tensor) and labels.is_floating_point()


def soft_label_block(name: str, value: object, scores: Tensor) -> Tensor | None:
    """Soft labels, of the scores' dtype; None if the value is not such."""
    if not (isinstance(value, Tensor) and is_soft(value) and value.shape == scores.shape):
        return None
    return _constant(name, value).to(scores.dtype)


def of_no_gradient(name: str) -> str:
    """What is said of a tensor, other than scores, that requires a gradient."""
    return f"{name} requires a gradient, which this loss does not give: detach it"


def refuse_gradient(name: str, value: object) -> None:
    """Refuses a tensor, other than scores, that a gradient or a tangent is asked for."""
    if not isinstance(value, Tensor):
        return
    if value.requires_grad:
        raise TopKLossError(of_no_gradient(name), "TOPKLOSS_ERROR_OPTION")
    if has_tangent(value):
        raise TopKLossError(
            f"{name} has a forward-mode tangent, which this loss does not pass on: detach it",
            "TOPKLOSS_ERROR_OPTION",
        )


def _constant(name: str, value: object) -> Tensor:
    """A tensor of numbers that no gradient is asked for."""
    tensor = with_memory(name, value)
    refuse_gradient(name, value)
    if tensor.is_complex():
        raise TopKLossError(
            f"{name} has dtype {tensor.dtype}; it must hold real numbers",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )
    return tensor


def row_numbers(name: str, value: object, rows: tuple[int, ...]) -> Tensor:
    """One float64 for each row."""
    tensor = _constant(name, value)
    _require_rows(name, tensor, rows)
    return tensor.to(torch.float64).contiguous()


def noise_block(
    name: str, value: object, shape: tuple[int, ...], rows: int, dtype: torch.dtype
) -> Tensor:
    """Noise of this shape, the last two axes samples and classes, as rows that C can read."""
    tensor = _constant(name, value)
    if tensor.shape != shape:
        raise TopKLossError(
            f"{name} has shape {tuple(tensor.shape)}; with so many rows, samples and classes it "
            f"must be {shape}",
            "TOPKLOSS_ERROR_SIZE",
        )
    return _usable(tensor.to(dtype).reshape(rows, *shape[-2:]))

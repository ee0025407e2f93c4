"""What all modules of losses have in common, however they are called."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from topkloss._loss import AnyLoss
from topkloss.errors import TopKLossError
from topkloss.torch import _devices
from topkloss.torch._device_evaluation import DeviceEvaluation
from topkloss.torch._evaluation import Arguments, Evaluation
from topkloss.torch._staging import home_of, staged
from topkloss.torch._tensors import require_device
from topkloss.torch._tickets import new_ticket

# Whatever a loss may have in a state_dict.
_STATE = "_extra_state", "threshold"


class LossModule(nn.Module):
    """The base of every loss in `topkloss.torch`: it has no parameters.

    Shapes are those of `torch.nn.CrossEntropyLoss`: logits (C), (N, C) or (N, C, d1, ..., dm), with
    labels, and what else there is one of for each row, of shape (), (N) or (N, d1, ..., dm). So
    maps of scores go in as they are, (N, C, H, W), in `channels_last` too, and tokens of shape
    (N, L, C) as ``logits.movedim(-1, 1)``, without a copy. Gradients have the logits' own layout.

    Attributes:
        loss: The loss of the same name in `topkloss`, immutable, with all options as attributes.
        check: Whether calls on a CUDA device wait for it, to raise what is found there.
        inplace: Whether the gradient is written over the logits.
    """

    loss: Any
    check: bool = False
    inplace: bool = False

    def __init__(self, loss: AnyLoss, check: bool = False, inplace: bool = False) -> None:
        """Wraps a loss. Called by the modules themselves."""
        super().__init__()
        self.loss = loss
        self.check = check
        self.inplace = inplace
        # Fixed with the other options, for graphs to look at without a look at the loss's traits.
        self._rows_are_compared = loss._traits.rows_are_compared(loss)
        self._rows_are_coupled = self._by_row and loss._traits.rows_are_coupled(loss)
        self._ticket = new_ticket(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Copies and pickles have tickets of their own."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._ticket = new_ticket(self)

    @property
    def _by_row(self) -> bool:
        by_row: bool = self.loss.reduction == "none"
        return by_row

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Loads what state a checkpoint has, if any, also strictly.

        One may have been saved with another loss in the same place, or with an earlier version's.
        """
        missing: list[str] = []
        unexpected: list[str] = []
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing, unexpected, error_msgs
        )
        known = {prefix + name for name in _STATE}
        missing_keys += [key for key in missing if key not in known]
        unexpected_keys += [key for key in unexpected if key not in known]

    def _evaluation(
        self,
        logits: Any,
        labels: Any,
        sample_weight: Any,
        *,
        second: Any = None,
        noise: Any = None,
        step: int = 0,
        first_row: int = 0,
        value_dtype: torch.dtype | None = None,
        loss: AnyLoss | None = None,
    ) -> Evaluation:
        """A batch for the module's loss or another; second are the logits of the second head."""
        owner = self.loss if loss is None else loss
        require_device("multi_label_logits", second, logits)
        given = Arguments(logits, labels, sample_weight, second, noise)
        options: dict[str, Any] = {"by_row": self._by_row, "value_dtype": value_dtype}
        options["first_row"] = first_row

        def on_cpu() -> Evaluation:
            there = Arguments(*staged(*given))
            return Evaluation.of(owner, there, step, device=home_of(logits), **options)

        if not _devices.is_on_device(logits):
            return on_cpu()
        there = Arguments(*(_devices.moved(each, logits.device) for each in given))
        return DeviceEvaluation.of(owner, there, step, on_cpu=on_cpu, check=self.check, **options)

    def extra_repr(self) -> str:
        """The options that differ from their defaults, for the module's text."""
        options = repr(self.loss).partition("(")[2][:-1]
        own = [f"{name}=True" for name in ("check", "inplace") if getattr(self, name)]
        return ", ".join(filter(None, [options, *own]))


def require_module(criterion: object) -> None:
    """Refuses what is no module of a loss."""
    if not isinstance(criterion, LossModule):
        raise TopKLossError(
            f"criterion is a {type(criterion).__name__}; it must be a module of topkloss.torch",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )

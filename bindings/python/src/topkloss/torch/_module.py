"""Modules of losses of one head."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

from topkloss._arrays import Array
from topkloss._handle import Handle
from topkloss._loss import Loss
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._autograd import differentiable, evaluate_plain
from topkloss.torch._base import LossModule
from topkloss.torch._compiled import one_head

Arguments = ParamSpec("Arguments")
Module = TypeVar("Module")
SomeHandle = TypeVar("SomeHandle", bound=Handle)


def arguments_of(
    loss: Callable[Arguments, SomeHandle],
) -> Callable[
    [Callable[[Module, SomeHandle], None]], Callable[Concatenate[Module, Arguments], None]
]:
    """Makes of a constructor that takes a loss one that takes the loss's own arguments.

    Signature and documentation are the loss's.
    """

    def decorate(
        construct: Callable[[Module, SomeHandle], None],
    ) -> Callable[Concatenate[Module, Arguments], None]:
        @functools.wraps(construct)
        def constructor(
            self: Module, /, *arguments: Arguments.args, **options: Arguments.kwargs
        ) -> None:
            construct(self, loss(*arguments, **options))

        signature = inspect.signature(loss)
        me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        documented: Any = constructor
        documented.__signature__ = signature.replace(
            parameters=[me, *signature.parameters.values()]
        )
        documented.__doc__ = loss.__doc__
        return constructor

    return decorate


class OneHeadModule(LossModule):
    """The base of every loss of logits and labels: no parameters, and no buffers."""

    loss: Loss

    def forward(
        self, logits: Tensor, labels: Tensor, *, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, differentiable once with respect to the logits.

        Args:
            logits: Scores, of shape (B, C), in float32, float64, float16 or bfloat16. In the CPU's
                memory they are read where they are if their classes lie one after another.
            labels: B class indices in [0, C), or the ignored one.
            sample_weight: B finite numbers that multiply the loss of each row. Default 1.

        Returns:
            A scalar, or for the reduction ``"none"`` B values, of the dtype of the logits (under
            autocast at least float32) and on their device. If all rows are ignored, the mean is 0
            with gradient 0, where PyTorch's losses give NaN.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
        """
        if torch.compiler.is_compiling():
            return one_head(self, logits, labels, sample_weight)
        if sample_weight is None and self.loss._may_be_plain:
            plain = evaluate_plain(self.loss, logits, labels)
            if plain is not None:
                return plain
        (scores,), dtype = autocast_scores(logits, by_row=self._by_row)
        evaluation = self._evaluation(scores, labels, sample_weight, value_dtype=dtype)
        return differentiable(evaluation, scores)


class WeightedModule(OneHeadModule):
    """The base of every loss that takes class weights."""

    def set_class_weight(self, class_weight: Array | None) -> None:
        """Weights the classes from now on, in place of the weights given at first.

        For deferred re-weighting, at the start of every epoch:

            weights = topkloss.class_weights.effective_number(class_counts)
            criterion = topkloss.torch.LDAMLoss(class_counts)
            for epoch in range(200):
                criterion.set_class_weight(deferred(weights, epoch=epoch, start=160))
                ...

        with `topkloss.class_weights.deferred`. Like all options, weights are in copies and pickles
        but not in the state_dict: a run that goes on from a checkpoint sets them again.

        Args:
            class_weight: Weight of each class, finite and 0 or more, or None for 1.

        Raises:
            TopKLossError: A weight is outside its range, or their number is not that of the
                classes. The weights are then what they were.
        """
        arguments = {**self.loss._arguments, "class_weight": class_weight}
        self.loss = type(self.loss)(**arguments)

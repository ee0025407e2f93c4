"""A loss whose batch several processes have parts of."""

from __future__ import annotations

import inspect
import math
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from topkloss._arrays import Array
from topkloss.errors import TopKLossError
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._autograd import differentiable, refuse_second_derivative
from topkloss.torch._base import LossModule, require_module
from topkloss.torch._evaluation import Evaluation
from topkloss.torch._global_candidates import selected
from topkloss.torch._global_positives import regularized
from topkloss.torch._layouts import row_shape
from topkloss.torch._modes import outside_graphs
from topkloss.torch._module import WeightedModule
from topkloss.torch._noised import NoisedModule
from topkloss.torch._ranks import Ranks
from topkloss.torch._two_heads import TwoHeadModule

Gradients: TypeAlias = Literal["averaged", "summed"]


class _Given(NamedTuple):
    """What a criterion is called with.

    Attributes:
        scores: Those of each head, as the criterion reads them.
        rest: Labels, sample weights and noise, by name.
        dtype: Of the value.
        step: Which noise to draw.
    """

    scores: tuple[Tensor, ...]
    rest: dict[str, Any]
    dtype: torch.dtype
    step: int


class _Agreed(NamedTuple):
    """What ranks have agreed on.

    Attributes:
        loss: What to evaluate a rank's rows with.
        added: What each row's value lacks then.
        threshold: With a moving average, the one after this call.
    """

    loss: Any
    added: float = 0.0
    threshold: float | None = None


class _Share(torch.autograd.Function):
    """The value of all ranks' batch, of which a rank's own has a derivative."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, value: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        ctx.dtype = own.dtype
        # What is returned as it was given would be a view, which may not be changed in place.
        return value.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        refuse_second_derivative()
        (factor,) = ctx.saved_tensors
        return upstream.to(ctx.dtype) * factor, None, None


class GlobalBatch(nn.Module):
    """A loss of the batch that all processes of a group have parts of, one after another by rank.

    What a single process would have of the whole batch:

    - the mean, also where parts are uneven, empty, or weighted by class or by row: sum and total
      weight are added up over ranks, and the value is the same on every rank;
    - noise, whose rows are numbered through;
    - the candidates of `TwoHeadAverageKLoss`, which are chosen among all rows;
    - the expected positives of `SinglePositiveLoss` (``"epr"``), which are counted in all rows.

    In a training loop one line changes:

        model = DistributedDataParallel(model)
        criterion = GlobalBatch(LogitAdjustedLoss(class_counts))
        criterion(model(images), labels).backward()

    `torch.nn.parallel.DistributedDataParallel` averages gradients over ranks. So the gradient that
    a rank gets is as many times its share of the whole batch's as there are ranks, and their
    average is the whole batch's. Where gradients are summed instead, say so.

    Every rank has to make each call, one without rows too: with logits of shape (0, C), which it
    had better get from its model, for that to take part in the exchange of gradients. Where one
    refuses its part, all of them raise; on CUDA devices the others' value is NaN. Outside of
    `torch.distributed` the loss is the criterion's.

    A call makes one exchange of three numbers, on the device of the logits; where it draws noise
    another before it, and where rows are compared a few: candidates take one of 2048 numbers for
    each 11 bits of a score, and at most a pass over the logits for each of these and four besides,
    a few rows at a time. Log-probabilities are there computed by PyTorch: of two that differ by
    their rounding the other may be a candidate than in a single process. Equal ones of a row, or of
    rows that are alike, are chosen in order.

    Values by row (the reduction ``"none"``) and their gradients are those of a rank's own rows, as
    the whole batch has them; what is made of them is the caller's. They are refused where gradients
    of one rank's rows depend on another's (``"epr"``).

    `torch.compile` breaks its graph here, and compiles what is before and after.

    Attributes:
        criterion: The loss of a rank's own rows.
    """

    criterion: LossModule

    def __init__(
        self, criterion: LossModule, group: Any = None, *, gradients: Gradients = "averaged"
    ) -> None:
        """Wraps a module.

        Args:
            criterion: Any module of `topkloss.torch`.
            group: The processes, a `torch.distributed.ProcessGroup`: those that gradients are
                averaged over. Default: all.
            gradients: What is done with the ranks' gradients: ``"averaged"``, as by
                DistributedDataParallel and FSDP, or ``"summed"``.

        Raises:
            TopKLossError: It is no module of `topkloss.torch`, or cannot be evaluated in parts.
        """
        super().__init__()
        require_module(criterion)
        if gradients not in ("averaged", "summed"):
            raise TopKLossError(
                f"gradients is {gradients!r}; it must be 'averaged' or 'summed'",
                "TOPKLOSS_ERROR_ENUMERATOR",
            )
        if criterion._rows_are_coupled:
            raise TopKLossError(
                f"{criterion.loss!r} has values by row, whose gradients depend on other processes'",
                "TOPKLOSS_ERROR_OPTION",
            )
        self.criterion = criterion
        self.group = group
        self._signature = inspect.signature(criterion.forward)
        self._is_averaged = gradients == "averaged"

    def forward(self, *args: Tensor, **options: Any) -> Tensor:
        """The loss of the batch of all ranks.

        Args:
            args: Logits and labels of this rank's rows, as for the criterion.
            options: Sample weights and what else the criterion takes by name.

        Returns:
            A scalar, the same on all ranks; for the reduction ``"none"`` a value for each of this
            rank's rows.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value.
            RuntimeError: One of another rank's has.
        """
        if torch.compiler.is_compiling():
            value: Tensor = outside_graphs(self, *args, **options)
            return value
        return self._together(*args, **options)

    def set_class_weight(self, class_weight: Array | None) -> None:
        """Weights the classes from now on: the criterion's, on every rank alike.

        Args:
            class_weight: As for the criterion's own `set_class_weight`.

        Raises:
            TopKLossError: A weight is outside its range, their number is not that of the classes,
                or the criterion takes none.
        """
        if not isinstance(self.criterion, WeightedModule):
            raise TopKLossError(
                f"{type(self.criterion).__name__} takes no class weights", "TOPKLOSS_ERROR_OPTION"
            )
        self.criterion.set_class_weight(class_weight)

    def _together(self, *args: Any, **options: Any) -> Tensor:
        logits = options.get("logits", args[0] if args else None)
        ranks = Ranks(
            self.group, logits.device if isinstance(logits, Tensor) else torch.device("cpu")
        )
        loss: Any = self.criterion.loss
        is_compared = loss._traits.rows_are_compared(loss)
        given: _Given | None = None
        failure: Exception | None = None
        rows = 0
        try:
            given = self._given(self._signature.bind(*args, **options).arguments)
            rows = math.prod(row_shape(given.scores[0]))
            if is_compared:  # all that is given is looked at before others count on it
                self._evaluation(given, loss, 0)
        except Exception as error:  # told to the others, and raised with them
            failure = error
        agreed, first_row = _Agreed(loss), 0
        if is_compared or loss._traits.is_random(loss):
            every = ranks.table([rows], failure)
            first_row = int(sum(count for (count,) in every[: ranks.rank]))
        if is_compared:
            assert given is not None
            try:
                agreed = self._agreed(ranks, given)
            except Exception as error:  # as above, or another's that has been told already
                failure = error
        value = self._evaluated(ranks, given, agreed, first_row, failure)
        module = self.criterion
        if isinstance(module, TwoHeadModule) and module.training and agreed.threshold is not None:
            module.threshold.fill_(agreed.threshold)
        return value

    def _given(self, call: dict[str, Any]) -> _Given:
        module = self.criterion
        rest = dict(call)
        heads = [rest.pop(name) for name in ("logits", "multi_label_logits") if name in rest]
        step = 0
        if isinstance(module, NoisedModule):
            step = module._drawn(rest.get("noise"), rest.pop("step", None))
        scores, dtype = autocast_scores(*heads, by_row=module._by_row, labels=rest["labels"])
        if dtype is None:
            dtype = scores[0].dtype
        return _Given(scores, rest, dtype, step)

    def _evaluation(self, given: _Given, loss: Any, first_row: int) -> Evaluation:
        rest = given.rest
        return self.criterion._evaluation(
            given.scores[0],
            rest["labels"],
            rest.get("sample_weight"),
            second=given.scores[1] if len(given.scores) > 1 else None,
            noise=rest.get("noise"),
            step=given.step,
            first_row=first_row,
            # A sum of sums is rounded once.
            value_dtype=None if self.criterion._by_row else torch.float64,
            loss=loss,
        )

    def _agreed(self, ranks: Ranks, given: _Given) -> _Agreed:
        """How a rank's rows are evaluated for all ranks' rows to be compared."""
        module, labels = self.criterion, given.rest["labels"]
        loss: Any = module.loss
        if isinstance(module, TwoHeadModule):
            before = module.threshold if module._averages else None
            loss, threshold = selected(loss, ranks, given.scores, labels, before)
            return _Agreed(loss, threshold=threshold if module._averages else None)
        weight = given.rest.get("sample_weight")
        return _Agreed(*regularized(loss, ranks, given.scores[0], labels, weight))

    def _evaluated(
        self,
        ranks: Ranks,
        given: _Given | None,
        agreed: _Agreed,
        first_row: int,
        failure: Exception | None,
    ) -> Tensor:
        """The value of all ranks, with what this rank's part of it comes to as its derivative."""
        loss, added, _ = agreed
        own = weight = torch.zeros((), dtype=torch.float64, device="cpu")
        if given is not None and failure is None:
            try:
                evaluation = self._evaluation(given, loss, first_row)
                own = differentiable(evaluation, *given.scores, inplace=self.criterion.inplace)
                weight = evaluation.total_weight()
            except Exception as error:  # as above
                failure = error
        is_mean, by_row = loss.reduction == "mean", self.criterion._by_row
        sums = torch.zeros(2, dtype=torch.float64, device=ranks.device)
        if failure is None and not by_row:
            total = own.detach() * weight if is_mean else own.detach()
            sums = torch.stack([total + added * weight, weight])
        sums = ranks.checked_sum(sums, failure)
        assert given is not None
        if by_row:
            return own
        factor = torch.tensor(1.0 * (ranks.count if self._is_averaged else 1), device=own.device)
        value, every = sums
        if is_mean:
            # Where no row counts, both are 0 as they are.
            divisor = every.where(every != 0, 1.0)
            value, factor = value / divisor, factor.to(every) * weight / divisor
        shared: Tensor = _Share.apply(own, value.to(given.dtype), factor)
        return shared

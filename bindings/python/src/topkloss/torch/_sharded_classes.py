"""A loss whose classes lie over several processes."""

from __future__ import annotations

from ctypes import byref
from typing import Any

import torch
from torch import Tensor, nn

from topkloss import _abi
from topkloss._library import check, library
from topkloss.errors import TopKLossError
from topkloss.shards import Shard, state_bytes, struct_of
from topkloss.torch._autocast import autocast_scores
from topkloss.torch._autograd import differentiable, refuse_tangents
from topkloss.torch._base import LossModule, require_module
from topkloss.torch._evaluation import Arguments, Evaluation
from topkloss.torch._inplace import refuse_leaf
from topkloss.torch._modes import outside_graphs
from topkloss.torch._noised import NoisedModule
from topkloss.torch._ranks import Ranks
from topkloss.torch._staging import home_of, staged

_BLOCK = 32
"""Classes among which noise is drawn."""

_NAMES = {"shard.all_classes": "num_classes", "shard.first_class": "first_class"}


def class_range(num_classes: int, rank: int, ranks: int) -> range:
    """Which classes a rank had better have: one after another, of all ranks about as many.

    Shards begin at multiples of 32, as `topkloss.NoisedTopKLoss` needs, unless there are not so
    many classes.

    Args:
        num_classes: C, the classes of all ranks; one for each at least.
        rank: Which of the ranks.
        ranks: How many there are.

    Raises:
        TopKLossError: There are fewer classes than ranks.
    """
    if not 0 <= rank < ranks <= num_classes:
        raise TopKLossError(
            f"rank {rank} of {ranks} has none of {num_classes} classes", "TOPKLOSS_ERROR_OPTION"
        )
    block = _BLOCK if num_classes > _BLOCK * (ranks - 1) else 1
    blocks = -(-num_classes // block)
    first, end = (block * (blocks * each // ranks) for each in (rank, rank + 1))
    return range(first, min(end, num_classes))


class _ShardEvaluation(Evaluation):
    """A batch of a shard's logits, and the call that completes it with other ranks' states."""

    ranks: Ranks
    shard: Shard
    _is_told: bool = False

    def value(self, scores: Tensor, *, inplace: bool) -> Tensor:
        """The value under autograd; whatever fails before the exchange is told by it."""
        try:
            return differentiable(self, scores, inplace=inplace)
        except Exception:
            if not self._is_told:
                own = self._states(self.size[0])
                own[-1] = 1
                self._told(own)
            raise

    def _states(self, rows: int) -> Tensor:
        """Room for a row more than there are, which says whether something is wrong here."""
        size = rows + 1, state_bytes(self._owner)
        return torch.zeros(size, dtype=torch.uint8, device="cpu")

    def _told(self, own: Tensor) -> Tensor:
        self._is_told = True
        return self.ranks.gather(own)

    def _call(self, batch: _abi.batch, result: _abi.result) -> float:
        handle, shard = self._owner._handle, struct_of(self.shard)
        own = self._states(batch.rows)
        partial = library.topkloss_shard_partial(handle, byref(batch), byref(shard), own.data_ptr())
        if partial:
            own[-1] = 1
        every = self._told(own)
        check(partial, None, **_NAMES)
        if every[:, -1].any():
            raise RuntimeError("another process of the group has refused its part, and says why")
        states = every[:, :-1].contiguous()
        shard.shards, shard.index = self.ranks.count, self.ranks.rank
        shard.states = states.data_ptr()
        complete = library.topkloss_shard_complete
        check(complete(handle, byref(batch), byref(shard), byref(result)), None, **_NAMES)
        value: float = result.value
        return value


class ShardedClasses(nn.Module):
    """A loss of logits whose classes lie over the processes of a group, in the order of their rank.

    Every rank has the logits of its own classes, and the labels of all rows, which are class
    indices among all classes. The value is that of the whole rows, to rounding, and the same on
    every rank; noise is the same bit for bit. The gradient that a rank gets is that of its own
    logits. No rank ever has the logits of all classes: for each row 80 bytes (for the top-K losses
    32 + 16 S (K + 1), S samples, 1 for the hinge) go from each rank to all others.

        own = class_range(num_classes, rank, ranks)
        layer = torch.nn.Linear(features, len(own))
        criterion = ShardedClasses(LogitAdjustedLoss(class_counts), num_classes)
        criterion(layer(inputs), labels).backward()

    Whatever is before the last layer has to get the gradients of all shards, added up: as in
    tensor-parallel training, that is its matter (``inputs.register_hook``).

    Losses are computed on the CPU: logits on CUDA devices are staged, as `topkloss.torch` has it.
    `torch.compile` breaks its graph here. Outside of `torch.distributed` the loss is the
    criterion's.

    Attributes:
        criterion: The loss of whole rows, made with the counts and weights of all classes.
        num_classes: C, the classes of all ranks.
    """

    criterion: LossModule

    def __init__(
        self,
        criterion: LossModule,
        num_classes: int,
        group: Any = None,
        *,
        first_class: int | None = None,
    ) -> None:
        """Wraps a module.

        Args:
            criterion: A module of the softmax-margin family but `SeesawLoss`, a `TopKHingeLoss`, or
                a `NoisedTopKLoss` by Monte Carlo. With ``inplace=True`` the gradient is written
                over a rank's logits.
            num_classes: C, the classes of all ranks together.
            group: The processes, a `torch.distributed.ProcessGroup`. Default: all.
            first_class: This rank's first class, where the classes are not split as `class_range`
                does. Shards are contiguous, in the order of ranks; for `NoisedTopKLoss` each begins
                at a multiple of 32.

        Raises:
            TopKLossError: The loss is not computed from shards of the classes.
        """
        super().__init__()
        require_module(criterion)
        state_bytes(criterion.loss)
        self.criterion = criterion
        self.num_classes = num_classes
        self.group = group
        self._first_class = first_class

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        *,
        sample_weight: Tensor | None = None,
        step: int | None = None,
    ) -> Tensor:
        """The loss of the whole rows, differentiable once with respect to this rank's logits.

        Args:
            logits: Scores of this rank's classes c, of shape (c), (N, c) or (N, c, d1, ..., dm).
            labels: For each row a class index in [0, C), or the ignored one; the same on all ranks,
                as all that follows.
            sample_weight: A finite number for each row that multiplies its loss. Default 1.
            step: For `NoisedTopKLoss`: which noise to draw, as for the module.

        Returns:
            A scalar, or for the reduction ``"none"`` a value for each row, the same on all ranks.

        Raises:
            TopKLossError: An argument has a wrong shape, type or value, or the ranks' classes are
                not all classes, one after another.
            RuntimeError: An argument of another rank has.
        """
        together = outside_graphs if torch.compiler.is_compiling() else ShardedClasses._together
        value: Tensor = together(self, logits, labels, sample_weight, step)
        return value

    def _together(
        self, logits: Any, labels: Any, sample_weight: Tensor | None, step: int | None
    ) -> Tensor:
        ranks = Ranks(
            self.group, logits.device if isinstance(logits, Tensor) else torch.device("cpu")
        )
        failure: Exception | None = None
        own = [0.0] * 5
        try:
            scores, evaluation = self._evaluation(logits, labels, sample_weight, step)
            first = self._first_class
            if first is None:
                first = class_range(self.num_classes, ranks.rank, ranks.count).start
            evaluation.ranks, evaluation.shard = ranks, Shard(self.num_classes, first)
            refuse_tangents(scores)
            inplace = self.criterion.inplace and torch.is_grad_enabled() and scores.requires_grad
            if inplace:
                refuse_leaf(scores)
            state = state_bytes(self.criterion.loss)
            own = [first, *evaluation.size, scores.element_size(), state]
        except Exception as error:  # told to the others, and raised with them
            failure = error
        self._require_all_classes(ranks.table(own, failure))
        return evaluation.value(scores, inplace=inplace)

    def _evaluation(
        self, logits: Any, labels: Any, sample_weight: Any, step: int | None
    ) -> tuple[Tensor, _ShardEvaluation]:
        module = self.criterion
        drawn = 0
        if isinstance(module, NoisedModule):
            drawn = module._drawn(None, step)
        elif step is not None:
            raise TopKLossError(
                f"step is {step!r}, and {type(module).__name__} draws no noise",
                "TOPKLOSS_ERROR_OPTION",
            )
        (scores,), dtype = autocast_scores(logits, by_row=module._by_row, labels=labels)
        given = Arguments(*staged(scores, labels, sample_weight))
        options: dict[str, Any] = {"by_row": module._by_row, "value_dtype": dtype}
        home = home_of(scores)
        return scores, _ShardEvaluation.of(module.loss, given, drawn, device=home, **options)

    def _require_all_classes(self, table: list[list[float]]) -> None:
        """Refuses shards that are not all classes in order, or not of one batch and loss."""
        states = [each[4] for each in table]
        if len({*states}) > 1:
            raise TopKLossError(
                f"the ranks' losses tell each other {', '.join(f'{each:.0f}' for each in states)} "
                "bytes of each row: they must be the same loss, with the same K and samples",
                "TOPKLOSS_ERROR_OPTION",
            )
        expected = 0
        for first, rows, classes, size, _ in table:
            if first != expected or rows != table[0][1] or size != table[0][3]:
                break
            expected += int(classes)
        else:
            if expected == self.num_classes:
                return
        shards = "; ".join(
            f"classes {first:.0f} to {first + classes - 1:.0f} of {rows:.0f} rows in {size:.0f} "
            "bytes each"
            for first, rows, classes, size, _ in table
        )
        raise TopKLossError(
            f"the ranks' logits have {shards}: they must have all {self.num_classes} classes one "
            "after another, of the same rows and dtype",
            "TOPKLOSS_ERROR_SIZE",
        )

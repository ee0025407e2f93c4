"""Metrics over the batches of several processes."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import distributed as processes

from topkloss.errors import TopKLossError
from topkloss.metrics import Tally
from topkloss.torch._ranks import Ranks, attempt

SomeTally = TypeVar("SomeTally", bound=Tally)


def reduce_metric(metric: SomeTally, group: Any = None) -> SomeTally:
    """What the accumulators of all processes have counted together, on every rank.

        accuracy = topkloss.metrics.TopKAccuracy(k=5, average="macro")
        for images, labels in loader:  # a rank's own rows
            accuracy.update(model(images), labels)
        print(topkloss.torch.distributed.reduce_metric(accuracy).compute())

    Rows that a `torch.utils.data.DistributedSampler` repeats to make parts even count as often.

    Args:
        metric: An accumulator of `topkloss.metrics`, with the same options on every rank; on some
            it may be without rows. It stays as it is, so that it may go on.
        group: The processes. Default: all.

    Returns:
        An accumulator of its own.

    Raises:
        TopKLossError: Ranks' accumulators have other options, or other classes.
    """
    ranks = Ranks(group, torch.device("cpu"))
    if ranks.count == 1:
        _require_tally(metric)
        return copy.deepcopy(metric)
    if processes.get_backend(group) == "nccl":
        ranks = Ranks(group, torch.device("cuda", torch.cuda.current_device()))
    total, failure = attempt(lambda: _without_rows(metric))
    classes = _agreed_classes(total, 0 if failure else len(metric.weights), ranks, failure)
    assert total is not None
    total._set_classes(classes)
    if len(metric.weights):
        total.merge(metric)
    for name, sums in total._sums.items():
        total._sums[name] = ranks.add(torch.from_numpy(sums).to(ranks.device)).cpu().numpy()
    return total


def _require_tally(metric: object) -> None:
    if not isinstance(metric, Tally):
        raise TopKLossError(
            f"metric is a {type(metric).__name__}; it must be an accumulator of topkloss.metrics",
            "TOPKLOSS_ERROR_ENUMERATOR",
        )


def _without_rows(metric: SomeTally) -> SomeTally:
    _require_tally(metric)
    made = copy.deepcopy(metric)
    made.reset()
    return made


def _agreed_classes(
    without_rows: Tally | None, classes: int, ranks: Ranks, failure: Exception | None
) -> int:
    """How many classes all ranks' accumulators have, or 0 if none has rows."""
    first = ranks.first(without_rows)
    is_alike = (
        without_rows is not None
        and first is not None
        and type(first) is type(without_rows)
        and without_rows._has_options_of(first)
    )
    told = ranks.table([classes, is_alike], failure)
    if not all(alike for _, alike in told):
        raise TopKLossError(
            f"{without_rows!r} is not what it is on other ranks", "TOPKLOSS_ERROR_OPTION"
        )
    numbers = sorted({int(count) for count, _ in told} - {0})
    if len(numbers) > 1:
        raise TopKLossError(
            f"the ranks' accumulators have {' and '.join(map(str, numbers))} classes",
            "TOPKLOSS_ERROR_SIZE",
        )
    return numbers[0] if numbers else 0

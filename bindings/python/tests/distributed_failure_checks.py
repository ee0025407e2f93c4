"""What fails on one rank alone, wherever it does: the others are told, and all of them may go on.

Else they would wait for it until their patience ends.
"""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from distributed_support import heads_of, labels_of
from torch_support import COUPLED, MAKERS, NOISED, TWO_HEADS, batch, modules, refuses

from topkloss import TopKLossError
from topkloss.metrics import TopKAccuracy
from topkloss.torch import _global_batch, _global_candidates, _global_positives
from topkloss.torch._evaluation import Evaluation
from topkloss.torch.distributed import ShardedClasses, class_range, reduce_metric

WIDE = 101


class OutOfMemoryError(Exception):
    """As a device's allocator raises it."""


def _out_of_memory(*_, **__):
    raise OutOfMemoryError


@contextlib.contextmanager
def _failing(world, *places):
    """Rank 1 fails there, and all of them raise."""
    is_wrong = world.rank == 1
    with pytest.MonkeyPatch.context() as changed:
        for owner, name in places if is_wrong else ():
            changed.setattr(owner, name, _out_of_memory)
        with pytest.raises(OutOfMemoryError if is_wrong else RuntimeError) as caught:
            yield
    assert is_wrong or "another process" in str(caught.value)


def failures_between_exchanges(worlds):
    """Of the losses that compare rows: before, between and after all that they tell each other."""
    scores = _global_candidates._Scores
    stages = {
        TWO_HEADS: [
            (_global_candidates, "RowPieces"),
            (scores, "bound"),
            (scores, "keys"),
            (scores, "below"),
            (scores, "reaching"),
            (_global_batch, "differentiable"),
        ],
        COUPLED: [(_global_positives, "RowPieces"), (_global_positives, "Regularized")],
    }
    for world in worlds:
        for name, places in stages.items():
            options = {"threshold_decay": 0.5} if name == TWO_HEADS else {}
            whole = world.wrap(MAKERS[name](**options))
            labels = labels_of(8)
            # No two ranks' scores are equal.
            heads = [each * (1 + 0.1 * world.rank) for each in heads_of(whole.criterion, 8)]
            whole(*heads, labels)
            for place in places:
                with _failing(world, place):
                    whole(*heads, labels)
            assert whole(*heads, labels).isfinite()


def wrong_keywords(worlds):
    for world in worlds:
        is_wrong = world.rank == 1
        for name in (COUPLED, NOISED):
            whole = world.wrap(MAKERS[name]())
            logits, labels = batch(4)
            wrong = {"weights": labels} if is_wrong else {}
            with pytest.raises(TypeError if is_wrong else RuntimeError):
                whole(logits, labels, **wrong)
            assert whole(logits, labels).isfinite()


def no_metric(worlds):
    for world in worlds:
        for rank in range(world.count):
            is_wrong = world.rank == rank
            with pytest.raises(TopKLossError if is_wrong else RuntimeError):
                reduce_metric(None if is_wrong else TopKAccuracy(3), world.group)


def _shard(world):
    own = class_range(WIDE, world.rank, world.count)
    generator = torch.Generator().manual_seed(1)
    logits = torch.rand((7, WIDE), generator=generator)[:, own.start : own.stop]
    return logits.clone().requires_grad_(), torch.randint(WIDE, (7,), generator=generator)


def failures_of_a_shard(worlds):
    """A leaf that is not to be written over, a tangent, and whatever the evaluation raises."""
    for world in worlds:
        logits, labels = _shard(world)
        is_wrong = world.rank == 1
        spent = ShardedClasses(modules.CrossEntropyLoss(inplace=True), WIDE, world.group)
        with pytest.raises(RuntimeError, match="a leaf" if is_wrong else "another process"):
            spent(logits if is_wrong else logits.clone(), labels)
        sharded = ShardedClasses(modules.CrossEntropyLoss(), WIDE, world.group)
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(logits.detach(), logits.detach())
            with pytest.raises(RuntimeError, match="no forward" if is_wrong else "another process"):
                sharded(dual if is_wrong else logits, labels)
        for name in ("run", "_room", "_described"):
            with _failing(world, (Evaluation, name)):
                sharded(logits, labels)
        assert sharded(logits, labels).isfinite()


def shards_of_other_losses(worlds):
    """Their states differ in size, at which gloo would end the process."""
    for world in worlds:
        logits, labels = _shard(world)
        loss = modules.NoisedTopKLoss(2 + world.rank).eval()
        sharded = ShardedClasses(loss, WIDE, world.group)
        refuses(lambda s=sharded, given=(logits, labels): s(*given), "OPTION", "the same K")


def default_devices(worlds):
    """Who makes tensors elsewhere by default gets the same values: here on one without memory."""
    for world in worlds:
        for make in MAKERS.values():
            heads, labels = [each.detach() for each in heads_of(make(), 8)], labels_of(8)
            expected = world.wrap(make())(*heads, labels)
            whole = world.wrap(make())
            torch.set_default_device("meta")
            try:
                found = whole(*heads, labels)
            finally:
                torch.set_default_device(None)
            assert torch.equal(found, expected)
        logits, labels = _shard(world)
        sharded = ShardedClasses(modules.CrossEntropyLoss(), WIDE, world.group)
        expected = sharded(logits, labels)
        torch.set_default_device("meta")
        try:
            found = sharded(logits, labels)
        finally:
            torch.set_default_device(None)
        assert torch.equal(found, expected)


def weights_that_are_set(worlds):
    for world in worlds:
        weights = np.linspace(0.1, 2, batch(1)[0].shape[1])
        whole = world.wrap(modules.CrossEntropyLoss())
        whole.set_class_weight(weights)
        given = batch(4)
        expected = world.wrap(modules.CrossEntropyLoss(class_weight=weights))(*given)
        assert torch.equal(whole(*given), expected)
        refuses(lambda w=world: w.wrap(MAKERS[NOISED]()).set_class_weight(None), "OPTION")


CHECKS = {
    check.__name__: check
    for check in (
        failures_between_exchanges,
        wrong_keywords,
        no_metric,
        failures_of_a_shard,
        shards_of_other_losses,
        default_devices,
        weights_that_are_set,
    )
}

"""What holds where several processes have the logits of a part of the classes each."""

from __future__ import annotations

import itertools
from contextlib import suppress

import numpy as np
import pytest
import torch
from case import CLASS_OF
from distributed_support import with_gradients
from losses import CASES
from support import long_tail
from torch_support import modules, refuses

from topkloss import TopKLossError
from topkloss.shards import state_bytes
from topkloss.torch.distributed import ShardedClasses, class_range

WIDE = 101
ROWS = 7
COUNTS = long_tail(WIDE, np.random.default_rng(4))


def _made(case, **options):
    given = {**case.options(COUNTS), **options}
    return getattr(modules, CLASS_OF[case.kind].__name__)(**given)


def _is_sharded(case):
    with suppress(TopKLossError):
        return state_bytes(_made(case).loss) > 0
    return False


SHARDED = [case for case in CASES if _is_sharded(case)]


def _logits(dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    made = torch.rand((ROWS, WIDE), generator=generator, dtype=torch.float64) * 2 - 1
    labels = torch.randint(WIDE, (ROWS,), generator=generator)
    labels[1] = -100
    return made.to(dtype).requires_grad_(), labels


def _columns(world):
    return slice(*itertools.islice(_ends(world), world.rank, world.rank + 2))


def _ends(world):
    yield 0
    for rank in range(world.count):
        yield class_range(WIDE, rank, world.count).stop


def _own(logits, columns):
    return logits.detach()[:, columns].clone().requires_grad_()


def _agree(world, case, dtype, near, reduction, **options):
    module = _made(case, reduction=reduction, **options)
    logits, labels = _logits(dtype)
    columns = _columns(world)
    mine = _own(logits, columns)
    weight = torch.linspace(0.1, 2, ROWS)
    given = {"sample_weight": weight}
    if case.noise:
        given["step"] = 9
    value, (gradient,) = _derived(module(logits, labels, **given), logits)
    sharded = ShardedClasses(module, WIDE, world.group)
    found, (part,) = _derived(sharded(mine, labels, **given), mine)
    assert found.dtype == value.dtype
    torch.testing.assert_close(found, value, rtol=near, atol=near)
    largest = gradient.abs().max().item()
    torch.testing.assert_close(part, gradient[:, columns], rtol=near, atol=near * largest)


def _derived(value, logits):
    upstream = torch.linspace(0.5, 2, value.numel()).to(value).reshape(value.shape)
    return with_gradients(value, [logits], upstream)


def shards_of_every_loss(worlds):
    """Value and gradient of whole rows; losses that are not computed so are refused at once."""
    for world in worlds:
        for case in CASES:
            if case not in SHARDED:
                given = _made(case), WIDE, world.group
                refuses(lambda given=given: ShardedClasses(*given), "OPTION")
                continue
            for reduction in ("mean", "sum", "none"):
                _agree(world, case, torch.float64, 1e-9, reduction)
            _agree(world, case, torch.float32, 1e-6, "mean")
            _agree(world, case, torch.bfloat16, 0.03, "mean")
            options = case.class_options(np.random.default_rng(1), WIDE)
            if options:
                _agree(world, case, torch.float64, 1e-9, "mean", **options)
    assert len(SHARDED) > 5


def shards_far_apart(worlds):
    """Each counts its exponentials from its own highest logit, or they would overflow."""
    for world in worlds:
        logits, labels = _logits(torch.float32)
        columns = _columns(world)
        with torch.no_grad():
            logits += torch.linspace(0, 900, WIDE)
        module = modules.CrossEntropyLoss()
        value, (gradient,) = _derived(module(logits, labels), logits)
        mine = _own(logits, columns)
        found, (part,) = _derived(ShardedClasses(module, WIDE, world.group)(mine, labels), mine)
        torch.testing.assert_close(found, value, rtol=1e-6, atol=0)
        torch.testing.assert_close(part, gradient[:, columns], rtol=1e-5, atol=1e-7)


def shards_of_maps(worlds):
    """(N, C, H, W), of which a rank has some channels."""
    for world in worlds:
        generator = torch.Generator().manual_seed(2)
        logits = torch.rand((2, WIDE, 3, 2), generator=generator).requires_grad_()
        labels = torch.randint(WIDE, (2, 3, 2), generator=generator)
        module = modules.CrossEntropyLoss(reduction="none")
        value, (gradient,) = _derived(module(logits, labels), logits)
        columns = _columns(world)
        mine = _own(logits, columns)
        found, (part,) = _derived(ShardedClasses(module, WIDE, world.group)(mine, labels), mine)
        torch.testing.assert_close(found, value)
        torch.testing.assert_close(part, gradient[:, columns])


def noise_of_shards(worlds):
    """Each call draws its own, and evaluation always the same, as for whole rows."""
    for world in worlds:
        logits, labels = _logits()
        single, parts = (modules.NoisedTopKLoss(3, seed=5) for _ in range(2))
        sharded = ShardedClasses(parts, WIDE, world.group)
        values = []
        for training in (True, True, False, False):
            single.train(training)
            sharded.train(training)
            values.append(sharded(logits[:, _columns(world)], labels).item())
            assert abs(values[-1] - single(logits, labels).item()) < 1e-12
        assert len({*values}) == 3
        assert torch.equal(single.get_extra_state(), parts.get_extra_state())


def shards_in_place(worlds):
    for world in worlds:
        logits, labels = _logits()
        for case in SHARDED:
            given = {"step": 1} if case.noise else {}
            _, (gradient,) = with_gradients(_made(case)(logits, labels, **given), [logits])
            mine = _own(logits, _columns(world))
            spent = mine.clone()
            version = spent._version
            sharded = ShardedClasses(_made(case, inplace=True), WIDE, world.group)
            value = sharded(spent, labels, **given)
            assert spent._version > version
            torch.testing.assert_close(spent.detach(), gradient[:, _columns(world)])
            value.backward()
            torch.testing.assert_close(mine.grad, gradient[:, _columns(world)])


def shards_under_autocast(worlds):
    for world in worlds:
        logits, labels = _logits(torch.bfloat16)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            module = modules.CrossEntropyLoss()
            mine = logits[:, _columns(world)]
            value = ShardedClasses(module, WIDE, world.group)(mine, labels)
            assert value.dtype == torch.float32
            torch.testing.assert_close(value, module(logits, labels), rtol=1e-5, atol=1e-6)


def a_layer_that_is_split(worlds):
    """Trained two steps, with what is before it on every rank."""
    for world in worlds:
        torch.manual_seed(3)
        labels = _logits()[1]
        inputs = torch.rand(ROWS, 6).double()
        before, layer = torch.nn.Linear(6, 5).double(), torch.nn.Linear(5, WIDE).double()
        columns = _columns(world)
        own_before = torch.nn.Linear(6, 5).double()
        own_before.load_state_dict(before.state_dict())
        own_layer = torch.nn.Linear(5, columns.stop - columns.start).double()
        own_layer.load_state_dict(
            {name: each[columns] for name, each in layer.state_dict().items()}
        )
        loss = modules.LogitAdjustedLoss(COUNTS)
        sharded = ShardedClasses(loss, WIDE, world.group)
        for _ in range(2):
            loss(layer(before(inputs).tanh()), labels).backward()
            features = own_before(inputs).tanh()
            features.register_hook(lambda gradient, group=world.group: _added(gradient, group))
            sharded(own_layer(features), labels).backward()
            for model in (before, layer, own_before, own_layer):
                for each in model.parameters():
                    each.data -= each.grad
                    each.grad = None
        torch.testing.assert_close(own_before.weight, before.weight)
        torch.testing.assert_close(own_layer.weight, layer.weight[columns])


def _added(gradient, group):
    gradient = gradient.clone()
    torch.distributed.all_reduce(gradient, group=group)
    return gradient


def shards_of_other_sizes(worlds):
    """Split by the caller; what is not all classes in order is refused by every rank."""
    for world in worlds:
        logits, labels = _logits()
        ends = [0, 64, 96, WIDE] if world.count == 3 else [0, 32, WIDE]
        columns = slice(ends[world.rank], ends[world.rank + 1])
        for module in (modules.CrossEntropyLoss(), modules.NoisedTopKLoss(3).eval()):
            first = {"first_class": columns.start}
            found = ShardedClasses(module, WIDE, world.group, **first)(logits[:, columns], labels)
            torch.testing.assert_close(found, module(logits, labels))
        module = modules.CrossEntropyLoss()
        for first, classes, rows in (
            (columns.start + world.rank, WIDE, ROWS),
            (columns.start, WIDE + 1, ROWS),
            (columns.start, WIDE, ROWS - world.rank),
        ):
            sharded = ShardedClasses(module, classes, world.group, first_class=first)
            given = logits[:rows, columns], labels[:rows]
            refuses(lambda s=sharded, g=given: s(*g), "SIZE", "one after another")


def what_one_shard_refuses(worlds):
    for world in worlds:
        logits, labels = _logits()
        mine = logits[:, _columns(world)]
        is_wrong = world.rank == 1
        sharded = ShardedClasses(modules.CrossEntropyLoss(), WIDE, world.group)
        with pytest.raises(TopKLossError if is_wrong else RuntimeError):
            sharded(mine, labels[:3] if is_wrong else labels)
        with pytest.raises(TopKLossError if is_wrong else RuntimeError) as caught:
            sharded(mine, labels + WIDE * is_wrong)
        assert ("labels" if is_wrong else "another process") in str(caught.value)
        given = mine, labels + WIDE
        refuses(lambda s=sharded, given=given: s(*given), "LABEL")
        finite = ShardedClasses(modules.CrossEntropyLoss(check_finite=True), WIDE, world.group)
        with torch.no_grad():
            logits[3, 40] = torch.nan
        given = mine, labels
        refuses(lambda s=finite, given=given: s(*given), "NOT_FINITE")
        assert sharded(mine, labels).isnan()


CHECKS = {
    check.__name__: check
    for check in (
        shards_of_every_loss,
        shards_of_maps,
        shards_far_apart,
        noise_of_shards,
        shards_in_place,
        shards_under_autocast,
        a_layer_that_is_split,
        shards_of_other_sizes,
        what_one_shard_refuses,
    )
}

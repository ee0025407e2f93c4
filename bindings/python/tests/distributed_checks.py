"""What holds of every loss whose batch several processes have parts of.

Each check runs in all of them at once: see `distributed_worker`.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from distributed_support import (
    agree,
    heads_of,
    labels_of,
    own,
    with_gradients,
)
from torch_support import (
    AVERAGING,
    CLASSES,
    COUPLED,
    MAKERS,
    NOISED,
    batch,
    modules,
)

from topkloss import TopKLossError
from topkloss.torch.distributed import GlobalBatch


def every_loss(worlds):
    """Of every loss the mean and the sum, of uneven parts with weights."""
    for world in worlds:
        for sizes in world.sizes:
            labels, weight = labels_of(8), torch.arange(1.0, 9)
            for name, make in MAKERS.items():
                for reduction in ("mean", "sum"):
                    single, parts = (make(reduction=reduction) for _ in range(2))
                    given = world, single, world.wrap(parts), heads_of(single, 8), labels, sizes
                    agree(*given, sample_weight=weight)
                    if name in (NOISED, AVERAGING):  # the next call has another state
                        agree(*given, sample_weight=weight)
                    if name == AVERAGING:
                        torch.testing.assert_close(parts.threshold, single.threshold)


def values_by_row(worlds):
    for world in worlds:
        for sizes in world.sizes:
            rows, part = sum(sizes), world.part(sizes)
            labels = labels_of(rows)
            upstream = torch.arange(1.0, rows + 1).double()
            for name, make in MAKERS.items():
                single = make(reduction="none")
                if name == COUPLED:
                    with pytest.raises(TopKLossError, match="values by row"):
                        world.wrap(single)
                    continue
                whole, heads = world.wrap(make(reduction="none")), heads_of(single, rows)
                values, gradients = with_gradients(single(*heads, labels), heads, upstream)
                mine = own(heads, part)
                found = with_gradients(whole(*mine, labels[part]), mine, upstream[part])
                assert torch.equal(found[0], values[part]), name
                for one, other in zip(found[1], gradients, strict=True):
                    torch.testing.assert_close(one, other[part], rtol=1e-12, atol=1e-13)


def class_weights(worlds):
    """And all else that a mean is divided by."""
    weights = np.linspace(0, 3, CLASSES)
    for world in worlds:
        for sizes in world.sizes:
            for make in MAKERS.values():
                if "class_weight" not in make().loss._options:
                    continue
                single = make(class_weight=weights)
                agree(
                    *(world, single, world.wrap(make(class_weight=weights))),
                    *(heads_of(single, 8), labels_of(8), sizes),
                )


def soft_labels(worlds):
    soft = batch(8, requires_grad=False, seed=8)[0].abs()
    for world in worlds:
        single = modules.CrossEntropyLoss(label_smoothing=0.1)
        agree(world, single, world.wrap(single), heads_of(single, 8), soft, world.sizes[0])


def parts_that_are_ignored(worlds):
    """Of one rank, and of all of them."""
    for world in worlds:
        sizes = (2, 4, 2)[: world.count]
        rows = sum(sizes)
        for make in MAKERS.values():
            heads = heads_of(make(), rows)
            labels = batch(rows)[1]
            labels[: sizes[0]] = -100
            single, parts = make(), make()
            for ignored in (slice(0), slice(None)):
                labels[ignored] = -100
                agree(world, single, world.wrap(parts), heads, labels, sizes)
                if hasattr(single, "threshold"):
                    torch.testing.assert_close(parts.threshold, single.threshold)


def gradients_that_are_summed(worlds):
    for world in worlds:
        sizes = world.sizes[0]
        for reduction in ("mean", "sum"):
            single = MAKERS[COUPLED](reduction=reduction)
            heads, labels, part = heads_of(single, 8), labels_of(8), world.part(sizes)
            _, (expected,) = with_gradients(single(*heads, labels), heads)
            mine = own(heads, part)
            whole = world.wrap(single, gradients="summed")
            _, (found,) = with_gradients(whole(*mine, labels[part]), mine)
            torch.testing.assert_close(found, expected[part], rtol=1e-9, atol=1e-12)


def values_that_are_changed_in_place(worlds):
    """As where gradients are accumulated over several batches: ``loss /= steps``."""
    for world in worlds:
        for reduction in ("mean", "sum", "none"):
            whole = world.wrap(modules.CrossEntropyLoss(reduction=reduction))
            (logits, labels), (half, _) = batch(4), batch(4)
            whole(logits, labels).sum().backward()
            value = whole(half, labels)
            value /= 2
            value.sum().backward()
            torch.testing.assert_close(half.grad, logits.grad / 2)


def rows_without_numbers(worlds):
    """Their values are NaN, and the whole's; gradients of other rows are as in one process."""
    for world in worlds:
        for make in MAKERS.values():
            single, sizes = make(), world.sizes[0]
            heads = heads_of(single, 8)
            with torch.no_grad():
                heads[0][1, 2] = torch.nan
            part = world.part(sizes)
            value, gradients = with_gradients(single(*heads, labels_of(8)), heads)
            mine = own(heads, part)
            found = with_gradients(world.wrap(make())(*mine, labels_of(8)[part]), mine)
            assert value.isnan()
            assert found[0].isnan()
            for one, other in zip(found[1], gradients, strict=True):
                near = {"rtol": 1e-9, "atol": 1e-12, "equal_nan": True}
                torch.testing.assert_close(one / world.count, other[part], **near)


def dtypes(worlds):
    """The value has that of the logits, under autocast float32; sums are rounded once."""
    for world in worlds:
        sizes = world.sizes[0]
        part = world.part(sizes)
        for make in MAKERS.values():
            for dtype in (torch.float32, torch.float16, torch.bfloat16):
                single = make()
                heads = heads_of(single, 8, dtype)
                near = 1e-6 if dtype == torch.float32 else 4 * torch.finfo(dtype).eps
                agree(world, make(), world.wrap(make()), heads, labels_of(8), sizes, near)
            mine = own(heads, part)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                value = world.wrap(make())(*mine, labels_of(8)[part])
            assert value.dtype == torch.float32
            assert all(each.dtype == torch.bfloat16 for each in torch.autograd.grad(value, mine))


def in_place(worlds):
    """Of parts as large as each other."""
    for world in worlds:
        part = world.part((4,) * world.count)
        for make in MAKERS.values():
            heads, labels = heads_of(make(), 4 * world.count), labels_of(4 * world.count)
            _, gradients = with_gradients(make()(*heads, labels), heads)
            mine = own(heads, part)
            spent = [each.clone() for each in mine]
            world.wrap(make(inplace=True))(*spent, labels[part]).backward()
            for given, one, other in zip(spent, mine, gradients, strict=True):
                torch.testing.assert_close(one.grad / world.count, other[part])
                assert not torch.equal(given, one)


def what_one_refuses_all_refuse(worlds):
    """Before and in the call of the library; the next call is as if nothing had been."""
    for world in worlds:
        for make in MAKERS.values():
            whole = world.wrap(make())
            heads = [each.detach() for each in heads_of(make(), 4)]
            labels = batch(4)[1]
            is_wrong = world.rank == 1
            for wrong in (labels + CLASSES, labels[:3], labels.double()):
                error = TopKLossError if is_wrong else RuntimeError
                with pytest.raises(error) as caught:
                    whole(*heads, wrong if is_wrong else labels)
                assert is_wrong or "another process" in str(caught.value)
            assert whole(*heads, labels).isfinite()


def groups_of_others(worlds):
    """Who is in none of a group's is told so."""
    third = torch.distributed.new_group([2])
    labels = batch(4)[1]
    whole = GlobalBatch(modules.CrossEntropyLoss(), third)
    if worlds[-1].rank == 2:
        value = whole(batch(4)[0], labels)
        assert torch.equal(value, modules.CrossEntropyLoss()(batch(4)[0], labels))
    else:
        with pytest.raises(TopKLossError, match="no member"):
            whole(batch(4)[0], labels)


CHECKS = {
    check.__name__: check
    for check in (
        every_loss,
        values_by_row,
        class_weights,
        soft_labels,
        parts_that_are_ignored,
        gradients_that_are_summed,
        values_that_are_changed_in_place,
        rows_without_numbers,
        dtypes,
        in_place,
        what_one_refuses_all_refuse,
        groups_of_others,
    )
}

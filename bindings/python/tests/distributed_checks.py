"""What holds in several processes, each check in all of them at once: see `distributed_worker`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from distributed_support import (
    agree,
    heads_of,
    labels_of,
    maps,
    noised,
    own,
    with_gradients,
)
from torch.nn.parallel import DistributedDataParallel
from torch_support import (
    AVERAGING,
    CLASSES,
    COUNTS,
    COUPLED,
    MAKERS,
    NOISED,
    TWO_HEADS,
    batch,
    modules,
)

import topkloss
from topkloss import TopKLossError
from topkloss.torch.distributed import GlobalBatch, reduce_metric

functional = torch.nn.functional


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
                        assert torch.equal(single.threshold, parts.threshold)


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
            agree(world, make(), world.wrap(make()), heads, labels, sizes)
            labels[:] = -100
            agree(world, make(), world.wrap(make()), heads, labels, sizes)


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


def noise_has_the_bits_of_one_process(worlds):
    """Step by step, in training and in evaluation, of rows and of maps."""
    for world in worlds:
        for sizes in world.sizes:
            part = world.part(sizes)
            single, parts = noised(reduction="none", seed=3), noised(reduction="none", seed=3)
            whole = world.wrap(parts)
            for logits, labels in (batch(8, torch.float32), maps(8)):
                for training in (True, True, False):
                    single.train(training)
                    whole.train(training)
                    expected = single(logits, labels)
                    assert torch.equal(whole(logits[part], labels[part]), expected[part])
                    given = whole(logits[part], labels[part], step=2**64 - 2)
                    assert torch.equal(given, single(logits, labels, step=2**64 - 2)[part])
            assert torch.equal(single.get_extra_state(), parts.get_extra_state())
            drawn = torch.randn(8, 5, CLASSES, generator=torch.Generator().manual_seed(0)).double()
            logits, labels = batch(8)
            values = whole(logits[part], labels[part], noise=drawn[part])
            assert torch.equal(values, single(logits, labels, noise=drawn)[part])


def _tied(rows, dtype):
    """Scores with many equal ones, in rows and between rows that are alike."""
    logits = (torch.arange(rows * CLASSES) % 4 + torch.arange(CLASSES).repeat(rows) % 3).to(dtype)
    return logits.reshape(rows, CLASSES).requires_grad_()


def candidates_of_all_rows(worlds):
    """Of scores with ties, for a K that cuts them anywhere, none and nearly all.

    Not with a moving average: where a batch comes twice, rounding says on which side of the average
    its last candidate is.
    """
    for world in worlds:
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            tied = _tied(8, dtype)
            with torch.no_grad():
                tied[5, 3], tied[1, :4], tied[0] = torch.nan, -torch.inf, -torch.inf
            untied, second = heads_of(MAKERS[TWO_HEADS](), 8, dtype)
            few = (1.5, 4.0) if dtype != torch.float32 else (0.01, 0.9, 4.0, 20.9, CLASSES - 1e-9)
            for k in few:
                _same_candidates(world, (tied, second), k=k)
            if dtype != torch.bfloat16:
                _same_candidates(world, (untied, second), k=1.5, threshold_decay=0.7)


def _same_candidates(world, heads, **options):
    single, parts = (MAKERS[TWO_HEADS](reduction="sum", **options) for _ in range(2))
    labels = labels_of(8)
    whole, part = world.wrap(parts, gradients="summed"), world.part(world.sizes[0])
    for training in (True, True, False) if hasattr(single, "threshold") else (True,):
        single.train(training)
        whole.train(training)
        _, (_, expected) = with_gradients(single(*heads, labels), heads)
        mine = own(heads, part)
        _, (_, found) = with_gradients(whole(*mine, labels[part]), mine)
        torch.testing.assert_close(found, expected[part], rtol=0, atol=0, equal_nan=True)
        if hasattr(single, "threshold"):
            near = {"rtol": 1e-6, "atol": 0}
            torch.testing.assert_close(parts.threshold, single.threshold, **near)


def positives_of_very_different_parts(worlds):
    """One part has next to none, and its rows are to have fewer all the same."""
    for world in worlds:
        sizes = world.sizes[0]
        for low in (-3.0, -30.0, -300.0, -torch.inf):
            heads = heads_of(MAKERS[COUPLED](), 8)
            with torch.no_grad():
                heads[0][: sizes[0]] += low
                heads[0][7, 3], heads[0][4, 5] = -torch.inf, 40.0
            for expected in (0.01, 5.0, 30.0):
                for reduction in ("mean", "sum"):
                    options = {"expected_positives": expected, "reduction": reduction}
                    single = MAKERS[COUPLED](**options)
                    weight = torch.arange(8.0)
                    # -inf at the label is an infinite loss, on either side
                    labels = labels_of(8)
                    agree(
                        *(world, single, world.wrap(single), heads, labels, sizes),
                        sample_weight=weight,
                    )


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


def data_parallel(worlds):
    """Two steps of a model, with rows of one class, weights and parts of any size."""
    for world in worlds:
        for sizes in world.sizes:
            single, replica = (_model() for _ in range(2))
            parallel = DistributedDataParallel(replica, process_group=world.group)
            options = {"class_counts": COUNTS, "class_weight": np.linspace(0.1, 3, CLASSES)}
            loss = modules.LogitAdjustedLoss(**options)
            whole = world.wrap(modules.LogitAdjustedLoss(**options))
            inputs, labels = batch(8, requires_grad=False)[0][:, :6], labels_of(8)
            part = world.part(sizes)
            for _ in range(2):
                for model, criterion, rows in (
                    (single, loss, slice(None)),
                    (parallel, whole, part),
                ):
                    criterion(model(inputs[rows]), labels[rows]).backward()
                    with torch.no_grad():
                        for each in model.parameters():
                            each -= 0.5 * each.grad
                            each.grad = None
            for one, other in zip(replica.parameters(), single.parameters(), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def _model():
    torch.manual_seed(0)
    layers = torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, CLASSES)
    return torch.nn.Sequential(*layers).double()


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


def metrics(worlds):
    """What ranks have counted, one of them nothing; each goes on with its own."""
    scores, labels = batch(8, requires_grad=False)
    for world in worlds:
        for sizes in world.sizes:
            for make in (
                lambda: topkloss.metrics.TopKAccuracy(3, average="macro"),
                lambda: topkloss.metrics.SetCoverage(np.linspace(-1, 1, CLASSES)),
            ):
                single, mine, part = make(), make(), world.part(sizes)
                assert len(reduce_metric(mine, world.group).weights) == 0
                single.update(scores, labels)
                if sizes[world.rank]:
                    mine.update(scores[part], labels[part])
                before = mine.weights.copy()
                for _ in range(2):
                    found = reduce_metric(mine, world.group)
                    assert type(found) is type(mine)
                    assert found.compute() == single.compute()
                    for name, sums in single._sums.items():
                        assert np.array_equal(found._sums[name], sums)
                assert np.array_equal(mine.weights, before)
        other = topkloss.metrics.TopKAccuracy(1 + world.rank)
        with pytest.raises(TopKLossError, match="is not what it is on other ranks"):
            reduce_metric(other, world.group)
        wider = topkloss.metrics.TopKAccuracy()
        wider.update(scores[:, : 5 + world.rank], labels % 5)
        with pytest.raises(TopKLossError, match="5 and 6"):
            reduce_metric(wider, world.group)


CHECKS = {
    check.__name__: check
    for check in (
        every_loss,
        values_by_row,
        class_weights,
        soft_labels,
        parts_that_are_ignored,
        gradients_that_are_summed,
        noise_has_the_bits_of_one_process,
        candidates_of_all_rows,
        positives_of_very_different_parts,
        rows_without_numbers,
        dtypes,
        in_place,
        data_parallel,
        what_one_refuses_all_refuse,
        groups_of_others,
        metrics,
    )
}

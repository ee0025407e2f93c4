"""What rows have of other processes' rows: the numbers of noise, and what they are compared by."""

from __future__ import annotations

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
from torch_support import (
    CLASSES,
    COUPLED,
    MAKERS,
    TWO_HEADS,
    batch,
)

from topkloss.torch import _global_candidates, _global_rows


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


def candidates_of_large_batches(worlds):
    """Of which neither all rows nor all contenders are looked at at once, with a bound and without.

    Small ones pass for them where the sizes are made small.
    """
    for world in worlds:
        for smallest in (1, CLASSES):
            with pytest.MonkeyPatch.context() as changed:
                changed.setattr(_global_rows, "_NUMBERS", 2 * CLASSES)
                changed.setattr(_global_candidates, "_FEW", 3)
                changed.setattr(_global_candidates, "_SMALLEST_GROUP", smallest)
                for dtype in (torch.float32, torch.float64):
                    second = heads_of(MAKERS[TWO_HEADS](), 8, dtype)[1]
                    for k in (0.9, 1.5, 4.0):
                        _same_candidates(world, (_tied(8, dtype), second), k=k)


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


def labels_of_a_byte(worlds):
    """Of the class that the ignored label, -100, is in eight bits."""
    for world in worlds:
        generator = torch.Generator().manual_seed(6)
        heads = [torch.rand((8, 200), generator=generator).requires_grad_() for _ in range(2)]
        labels = torch.tensor([156, 3, 156, 199, 156, 0, 156, 7])
        for name in (COUPLED, TWO_HEADS):
            single = MAKERS[name]()
            own_heads = heads[: single.loss._traits.heads]
            given = world, single, world.wrap(MAKERS[name]()), own_heads
            agree(*given, labels.to(torch.uint8), world.sizes[0], near=1e-6)


def maps_that_are_compared(worlds):
    """(N, C, H, W), of either layout; and a single row without a dimension of its own."""
    for world in worlds:
        for name in (COUPLED, TWO_HEADS):
            single, (logits, labels) = MAKERS[name](), maps(8)
            second = logits.detach().flip(0).requires_grad_()
            heads = [logits, second][: single.loss._traits.heads]
            labels[5, 1, 2] = -100
            agree(world, single, world.wrap(MAKERS[name]()), heads, labels, world.sizes[0])
            last = [
                each.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
                for each in heads
            ]
            agree(world, single, world.wrap(MAKERS[name]()), last, labels, world.sizes[0])
            rows, labels = heads_of(single, world.count), batch(world.count)[1]
            value = single(*rows, labels)
            own_row = [each[world.rank] for each in rows]
            found = world.wrap(MAKERS[name]())(*own_row, labels[world.rank])
            torch.testing.assert_close(found, value)


CHECKS = {
    check.__name__: check
    for check in (
        noise_has_the_bits_of_one_process,
        candidates_of_all_rows,
        candidates_of_large_batches,
        positives_of_very_different_parts,
        maps_that_are_compared,
        labels_of_a_byte,
    )
}

"""Soft labels as PyTorch's cross-entropy has them: its own results, and what follows for others."""

from __future__ import annotations

import numpy as np
import pytest
from losses import BY_NAME
from pairwise import pairwise
from torch_support import (
    CLASSES,
    COUNTS,
    MAKERS,
    batch,
    dtypes,
    gradient_of,
    modules,
    refuses,
    torch,
)

LAYOUTS = {
    "one row": ((), None),
    "rows": ((12,), None),
    "images": ((2, 3, 2), torch.contiguous_format),
    "channels_last": ((2, 3, 2), torch.channels_last),
    "mixed": ((2, 3, 2), None),
}
# The softmax-margin family but Seesaw, whose compensation is by the label.
TAKERS = [
    name
    for name, make in MAKERS.items()
    if "label_smoothing" in make().loss._options and not isinstance(make(), modules.SeesawLoss)
]
REFUSERS = [name for name in MAKERS if name not in TAKERS]


def soft(shape, dtype=torch.float64, seed=8):
    """Mixup of two labels a row, sometimes of the same."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randint(CLASSES, shape, generator=generator) for _ in range(2))
    share = torch.rand(shape, generator=generator, dtype=torch.float64).unsqueeze(-1)
    one_hot = torch.nn.functional.one_hot
    mixed = share * one_hot(first, CLASSES) + (1 - share) * one_hot(second, CLASSES)
    return mixed.movedim(-1, min(1, mixed.dim() - 1)).to(dtype)


def scores_and_targets(layout, size=5.0):
    shape, memory = LAYOUTS[layout]
    rows = int(np.prod(shape, dtype=int))
    scores = batch(rows, requires_grad=False)[0].reshape(*shape, CLASSES)
    scores = size * scores.movedim(-1, min(1, len(shape)))
    targets = soft(shape)
    if memory is not None:
        scores = scores.contiguous(memory_format=memory)
        targets = targets.contiguous(memory_format=memory)
    return scores.clone().requires_grad_(), targets


@pairwise(smoothing=[0.0, 0.1], weighted=[False, True], reduction=["mean", "sum", "none"])
def test_cross_entropy_is_pytorchs(smoothing, weighted, reduction):
    weight = torch.rand(CLASSES, dtype=torch.float64) if weighted else None
    options = {"label_smoothing": smoothing, "reduction": reduction}
    for layout in LAYOUTS:
        logits, targets = scores_and_targets(layout)
        expected = torch.nn.CrossEntropyLoss(weight=weight, **options)(logits, targets)
        value = modules.CrossEntropyLoss(class_weight=weight, **options)(logits, targets)
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
        upstream = torch.linspace(-1, 2, value.numel(), dtype=torch.float64).reshape(value.shape)
        found, wanted = (gradient_of(one, logits, upstream=upstream) for one in (value, expected))
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
        assert found.stride() == torch.empty_like(logits).stride()


def formulation(name, scores, targets, smoothing, weight):
    """One value a row, and their gradients: each label's own, in proportion."""
    row = BY_NAME[name].row(COUNTS)
    shares = ((1 - smoothing) * targets + smoothing / CLASSES) * weight
    values, gradients = np.zeros(len(scores)), np.zeros_like(scores)
    for i, z in enumerate(scores):
        for y in np.flatnonzero(shares[i]):
            value, gradient = row(z, int(y))
            values[i] += shares[i, y] * value
            gradients[i] += shares[i, y] * gradient
    return values, gradients


@pytest.mark.parametrize("name", TAKERS)
def test_each_label_has_its_own_margin(name):
    logits, targets = scores_and_targets("rows", size=1.0)
    targets[3] *= 2.5  # any sum
    targets[4] = 0
    sample_weight = torch.linspace(0.5, 2, 12, dtype=torch.float64)
    for smoothing, weight in ((0.0, None), (0.2, torch.linspace(0.2, 3, CLASSES))):
        weights = np.ones(CLASSES) if weight is None else weight.double().numpy()
        values, gradients = formulation(
            name, logits.detach().numpy(), targets.numpy(), smoothing, weights
        )
        values, gradients = (
            torch.as_tensor(values) * sample_weight,
            torch.as_tensor(gradients) * sample_weight[:, None],
        )
        total = sample_weight.sum()
        for reduction, expected, wanted in (
            ("none", values, gradients),
            ("sum", values.sum(), gradients),
            ("mean", values.sum() / total, gradients / total),
        ):
            module = MAKERS[name](
                reduction=reduction, label_smoothing=smoothing, class_weight=weight
            )
            value = module(logits, targets, sample_weight=sample_weight)
            torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)
            found = gradient_of(value, logits, upstream=torch.ones_like(value))
            torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11)


@dtypes
def test_targets_of_another_dtype_are_converted(dtype):
    loss = modules.LogitAdjustedLoss(COUNTS, reduction="none")
    for layout in ("rows", "images"):
        logits, targets = scores_and_targets(layout)
        logits = logits.detach().to(dtype).requires_grad_()
        for given in (torch.float32, torch.float64, torch.bfloat16):
            value = loss(logits, targets.to(given))
            assert value.dtype == dtype
            assert torch.equal(value, loss(logits, targets.to(given).to(dtype)))


def test_under_autocast_targets_are_not_rounded():
    logits, targets = scores_and_targets("images")
    logits = logits.detach().bfloat16().requires_grad_()
    module = modules.CrossEntropyLoss()
    with torch.autocast("cpu", torch.bfloat16):
        value = module(logits, targets.float())
    torch.testing.assert_close(value, module(logits.float(), targets.float()), rtol=0, atol=0)
    assert gradient_of(value, logits).dtype == torch.bfloat16


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_a_graph():
    logits, targets = scores_and_targets("channels_last")
    module = modules.LDAMLoss(COUNTS, reduction="none")
    torch._dynamo.reset()
    function = torch.compile(module, fullgraph=True, backend="aot_eager")
    expected, value = module(logits, targets), function(logits, targets)
    assert torch.equal(value, expected)
    found, wanted = (gradient_of(one.sum(), logits) for one in (value, expected))
    torch.testing.assert_close(found, wanted, check_stride=True)
    with pytest.raises(ValueError, match="labels requires a gradient"):
        function(logits, targets.requires_grad_())


def test_losses_that_have_no_use_for_them_say_so():
    logits, targets = scores_and_targets("rows")
    for name in REFUSERS:
        module = MAKERS[name]()
        heads = (logits, logits) if module.loss._traits.heads == 2 else (logits,)
        refuses(
            lambda module=module, heads=heads: module(*heads, targets),
            *("OPTION", "take soft labels", "mixup"),
        )


def test_bad_targets():
    logits, targets = scores_and_targets("rows")
    loss = modules.CrossEntropyLoss(reduction="none")
    refuses(
        lambda: loss(logits, targets.clone().requires_grad_()),
        *("OPTION", "labels requires a gradient"),
    )
    targets[2, 3], targets[5, 0] = -0.5, torch.nan
    assert loss(logits, targets).isnan().nonzero().flatten().tolist() == [2, 5]

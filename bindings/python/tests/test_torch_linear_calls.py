"""The last layer and a loss together, as PyTorch calls it; its memory; and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from linear_support import FEW, agree, layer, reductions
from torch_graphs import WARNINGS, compiled, graphs, no_recompilation, nothing_compiled
from torch_support import (
    CLASSES,
    MAKERS,
    NOISED,
    ONE_HEAD,
    gradient_of,
    modules,
    refuses,
    torch,
)

from topkloss.torch import linear_loss

__all__ = ["nothing_compiled"]

pytestmark = WARNINGS


@reductions
def test_several_backward_passes(reduction):
    *given, labels = layer()
    criterion = MAKERS[ONE_HEAD](reduction=reduction)
    value = linear_loss(criterion, given[0], given[1], labels, given[2])
    first = torch.autograd.grad(value.sum(), given, retain_graph=True)
    kept = [each.clone() for each in first]
    for each in first:
        each.zero_()
    second = torch.autograd.grad(3 * value.sum(), given)
    for one, other in zip(second, kept, strict=True):
        torch.testing.assert_close(one, 3 * other)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(value.sum(), given)


@reductions
def test_no_second_derivative(reduction):
    *given, labels = layer()
    value = linear_loss(MAKERS[ONE_HEAD](reduction=reduction), given[0], given[1], labels)
    with pytest.raises(RuntimeError, match="only once"):
        torch.autograd.grad(value.sum(), given[0], create_graph=True)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")
def test_forward_mode_is_refused():
    inputs, weight, _, labels = layer()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(inputs.detach(), torch.ones_like(inputs))
        with pytest.raises(RuntimeError, match="forward-mode"):
            linear_loss(MAKERS[ONE_HEAD](), dual, weight, labels)


def test_by_row_the_module_may_be_gone():
    inputs, weight, _, labels = layer()
    values = linear_loss(modules.CrossEntropyLoss(reduction="none"), inputs, weight, labels)
    found = gradient_of(values.sum(), inputs)
    expected = linear_loss(modules.CrossEntropyLoss(reduction="sum"), inputs, weight, labels)
    torch.testing.assert_close(found, gradient_of(expected, inputs))


@reductions
def test_an_upstream_that_is_not_finite_leaves_no_finite_gradient(reduction):
    inputs, weight, _, labels = layer()
    value = linear_loss(MAKERS[ONE_HEAD](reduction=reduction), inputs, weight, labels)
    found = gradient_of((value * torch.inf).sum(), inputs, weight)
    assert not any(each.isfinite().any() for each in found)


@reductions
def test_batches_of_which_no_row_counts(reduction):
    *given, labels = layer()
    criterion = modules.CrossEntropyLoss(reduction=reduction)
    empty, rest = given[0][:0], given[1:]
    narrow = [empty[:, :0], given[1][:, :0], given[2]]
    for each, of in (
        (given, labels * 0 - 100),
        ([empty, *rest], labels[:0]),
        (narrow, labels[:0]),
    ):
        value = linear_loss(criterion, each[0], each[1], of, each[2])
        assert not value.any()
        assert not any(found.any() for found in torch.autograd.grad(value.sum(), each))


def test_classes_that_a_bias_masks():
    inputs, weight, bias, labels = layer()
    with torch.no_grad():
        bias[CLASSES - 1] = -torch.inf
    agree(modules.CrossEntropyLoss(), inputs, weight, labels % (CLASSES - 1), bias)


# A process each, forked, for what one has had is had; PyTorch is imported once.
MEMORY = """
import os, resource, torch
from topkloss.torch import CrossEntropyLoss, linear_loss
torch.set_num_threads(1)
def run(reduction, rows, classes):
    inputs = torch.zeros(rows, 16).requires_grad_()
    weight = torch.zeros(classes, 16).requires_grad_()
    labels = torch.zeros(rows, dtype=torch.int64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    value = linear_loss(CrossEntropyLoss(reduction=reduction), inputs, weight, labels,
                        chunk_bytes=1 << 20)
    value.sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
for reduction in ("mean", "none"):
    if not (child := os.fork()):
        run(reduction, 8, 100)
        print(run(reduction, 1500, 20_000), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_memory_is_not_that_of_logits():
    """Logits of 120 MB; the weight and its gradient have 1.3 MB each."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    grown = [int(line) for line in done.stdout.split()]  # KiB
    assert len(grown) == 2
    assert max(grown) < 24_000, grown


def test_losses_that_compare_rows_are_refused():
    inputs, weight, _, labels = layer()
    for criterion in (
        modules.SinglePositiveLoss("epr", expected_positives=2.0),
        modules.SinglePositiveLoss("epr", expected_positives=2.0, reduction="none"),
    ):
        refuses(
            lambda criterion=criterion: linear_loss(criterion, inputs, weight, labels),
            *("OPTION", "compares the rows", type(criterion).__name__),
        )


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"criterion": torch.nn.CrossEntropyLoss()}, "ENUMERATOR", ["criterion is a CrossEnt"]),
        ({"inputs": torch.zeros(7, 4).double()}, "SIZE", ["inputs", "(7, 4)", "(..., 5)"]),
        ({"weight": torch.zeros(5).double()}, "SIZE", ["weight", "(C, D)"]),
        ({"bias": torch.zeros(5).double()}, "SIZE", ["bias", "(21,)"]),
        ({"bias": torch.zeros(CLASSES)}, "ENUMERATOR", ["torch.float32", "torch.float64"]),
        ({"inputs": torch.zeros(7, 5).long()}, "ENUMERATOR", ["inputs", "torch.int64"]),
        ({"weight": np.zeros((21, 5))}, "ENUMERATOR", ["weight is a ndarray"]),
        ({"labels": torch.zeros(6).long()}, "SIZE", ["labels", "(6,)", "(7,)"]),
        ({"labels": torch.zeros(7)}, "SIZE", ["labels", "soft", "(7, 21)"]),
        ({"labels": torch.zeros(7, 21).requires_grad_()}, "OPTION", ["labels requires"]),
        ({"sample_weight": torch.ones(1)}, "SIZE", ["sample_weight", "(1,)", "(7,)"]),
        ({"sample_weight": -torch.ones(7)}, "OPTION", ["sample_weight has the value -1"]),
        (
            {"sample_weight": torch.full((7,), 1.7e308, dtype=torch.float64)},
            "NOT_FINITE",
            ["weights"],
        ),
        ({"chunk_bytes": 0}, "OPTION", ["chunk_bytes is 0"]),
        ({"step": 3}, "OPTION", ["step is 3", "no noise"]),
        ({"criterion": modules.NoisedTopKLoss(2), "step": -1}, "OPTION", ["step is -1"]),
        ({"criterion": modules.LDAMLoss([1.0, 2.0])}, "SIZE", ["21", "2 classes"]),
    ],
)
def test_wrong_calls(change, status, words):
    inputs, weight, bias, labels = layer()
    given = {
        "criterion": modules.CrossEntropyLoss(),
        "inputs": inputs,
        "weight": weight,
        "labels": labels,
        "bias": bias,
        "chunk_bytes": 1000,
        **change,
    }
    if status == "NOT_FINITE":
        given["chunk_bytes"] = 1  # each weight by itself is finite
    refuses(lambda: linear_loss(**given), status, *words)


def test_what_is_wrong_with_a_row_is_said_of_that_row():
    inputs, weight, _, labels = layer()
    labels[4] = CLASSES
    refuses(
        lambda: linear_loss(MAKERS[ONE_HEAD](), inputs, weight, labels, chunk_bytes=FEW),
        *("LABEL", "in rows 3 to 5, counted from 3", "labels[1]"),
    )
    refuses(lambda: linear_loss(MAKERS[ONE_HEAD](), inputs, weight, labels), "LABEL", "labels[4]")


@pytest.mark.parametrize("name", [ONE_HEAD, NOISED])
@reductions
def test_in_a_graph(name, reduction):
    """One graph without a break, also of other numbers of rows, that counts steps as outside."""
    eager, made = (MAKERS[name](reduction=reduction) for _ in range(2))

    def value(criterion, inputs, weight, labels, bias):
        return linear_loss(criterion, inputs * 2, weight, labels, bias, chunk_bytes=FEW)

    function = compiled(value)
    before = graphs()
    for rows in (6, 4, 9):
        *given, labels = layer(rows=rows)
        found = function(made, given[0], given[1], labels, given[2])
        expected = value(eager, given[0], given[1], labels, given[2])
        torch.testing.assert_close(found, expected)
        upstream = torch.arange(1, found.numel() + 1).to(found).reshape(found.shape)
        for one, other in zip(
            torch.autograd.grad(found, given, upstream),
            torch.autograd.grad(expected, given, upstream),
            strict=True,
        ):
            torch.testing.assert_close(one, other)
    assert graphs() - before == 2
    with no_recompilation():
        found = function(made, given[0], given[1], labels, given[2])
    assert torch.equal(found, value(eager, given[0], given[1], labels, given[2]))


def test_in_a_graph_of_16_bits_without_a_gradient_of_the_inputs():
    _, weight, bias, labels = layer(dtype=torch.float32)
    inputs = layer(dtype=torch.float32)[0].detach()
    criterion = modules.CrossEntropyLoss()

    def value(inputs):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return linear_loss(criterion, inputs, weight, labels, bias)

    found, expected = compiled(value)(inputs), value(inputs)
    assert found.dtype == torch.float32
    for one, other in zip(
        torch.autograd.grad(found, (weight, bias)),
        torch.autograd.grad(expected, (weight, bias)),
        strict=True,
    ):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other)


def test_what_a_graph_refuses():
    inputs, weight, _, labels = layer()
    criterion = modules.NoisedTopKLoss(3)
    refuses(
        lambda: compiled(lambda step: linear_loss(criterion, inputs, weight, labels, step=step))(
            -1
        ),
        *("OPTION", "step is -1"),
    )
    weights = torch.ones(7).requires_grad_()
    refuses(
        lambda: compiled(
            lambda: linear_loss(criterion, inputs, weight, labels, sample_weight=weights)
        )(),
        *("OPTION", "sample_weight requires a gradient"),
    )

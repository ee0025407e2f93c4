"""The last layers of two heads and their loss together: one threshold for all chunks."""

from __future__ import annotations

import numpy as np
import pytest
from linear_support import FEW, WIDTH, functional, layer, reductions, with_gradients
from reference_average_k import two_head
from torch_support import CLASSES, modules, torch

import topkloss
from topkloss.torch import linear_loss

HALF = CLASSES // 2
K = 2.5


def made(rows=7, seed=4):
    """Inputs, the weight and the bias of two heads, and labels, the third row's ignored."""
    inputs, weight, bias, _ = layer(rows=rows, seed=seed)
    labels = torch.arange(rows) % HALF
    labels[2] = -100
    weight, bias = (each[: 2 * HALF].detach().requires_grad_() for each in (weight, bias))
    return inputs, weight, bias, labels


def logits_of(inputs, weight, bias):
    return functional.linear(inputs, weight, bias).split(HALF, dim=1)


def loss_of(reduction="mean", decay=0.0):
    return modules.TwoHeadAverageKLoss(K, threshold_decay=decay, reduction=reduction)


@reductions
@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_the_answer_of_the_logits_in_a_run(reduction, decay):
    whole, parts = loss_of(reduction, decay), loss_of(reduction, decay)
    for seed in range(3):
        inputs, weight, bias, labels = made(seed=seed)
        weights = torch.arange(7.0)
        expected = whole(*logits_of(inputs, weight, bias), labels, sample_weight=weights)
        found = linear_loss(
            parts, inputs, weight, labels, bias, sample_weight=weights, chunk_bytes=FEW
        )
        for one, other in zip(
            with_gradients(found, inputs, weight, bias),
            with_gradients(expected, inputs, weight, bias),
            strict=True,
        ):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
        if decay:
            torch.testing.assert_close(parts.threshold, whole.threshold, rtol=1e-12, atol=0)


def test_the_reference():
    inputs, weight, bias, labels = made()
    logits, multi = (each.detach().numpy() for each in logits_of(inputs, weight, bias))
    expected = two_head(logits, multi, labels.numpy(), k=K, reduction="none")
    found = linear_loss(loss_of("none"), inputs, weight, labels, bias, chunk_bytes=FEW)
    np.testing.assert_allclose(found.detach().numpy(), np.asarray(expected[0]), rtol=1e-9)


@reductions
@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_numpy_has_the_same(reduction, decay):
    loss = topkloss.TwoHeadAverageKLoss(K, threshold_decay=decay, reduction=reduction)
    whole, parts = topkloss.ThresholdState(0.1), topkloss.ThresholdState(0.1)
    inputs, weight, bias, labels = (each.detach().numpy() for each in made())
    logits = inputs @ weight.T + bias
    value, (first, second) = loss.value_and_grad(
        logits[:, :HALF], logits[:, HALF:], labels, threshold=whole
    )
    gradient = np.concatenate([first, second], axis=1)
    found, gradients = topkloss.linear_loss(
        loss, inputs, weight, labels, bias, chunk_bytes=FEW, threshold=parts
    )
    np.testing.assert_allclose(found, value, rtol=1e-9)
    expected = gradient @ weight, gradient.T @ inputs, gradient.sum(axis=0)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(parts.value, whole.value, rtol=1e-12)


@pytest.mark.parametrize(
    ("k", "rows"),
    [(0.01, 7), (HALF - 0.01, 7), (1, 1), (HALF - 0.01, 1)],
    ids=["none is a candidate", "all are", "one row", "all of one row"],
)
def test_the_ends(k, rows):
    inputs, weight, bias, _ = made(max(rows, 3))
    inputs, labels = inputs[:rows], torch.arange(rows)
    criterion = modules.TwoHeadAverageKLoss(k)
    expected = criterion(*logits_of(inputs, weight, bias), labels)
    found = linear_loss(criterion, inputs, weight, labels, bias, chunk_bytes=FEW)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_rows_that_are_bad_or_masked_are_no_candidates():
    inputs, weight, bias, labels = made()
    bias = bias.detach().clone()
    bias[3] = -torch.inf
    inputs = inputs.detach().clone()
    inputs[1] = torch.nan
    labels[labels == 3] = 0
    criterion = loss_of("none")
    expected = criterion(*logits_of(inputs, weight, bias), labels)
    found = linear_loss(criterion, inputs, weight, labels, bias, chunk_bytes=FEW)
    assert found.isnan().nonzero().tolist() == [[1]]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0, equal_nan=True)


def test_all_rows_ignored_and_none_at_all():
    inputs, weight, bias, labels = made()
    criterion = loss_of(decay=0.5)
    criterion.threshold.fill_(0.25)
    for rows in (7, 0):
        value = linear_loss(
            criterion, inputs[:rows], weight, torch.full_like(labels[:rows], -100), bias
        )
        assert value == 0
        assert criterion.threshold == 0.25


def test_candidates_that_tie_are_all_taken():
    inputs, weight, bias, _ = made()
    alike = inputs.detach()[:1].expand(7, WIDTH).contiguous()
    labels = torch.zeros(7, dtype=torch.int64)
    criterion = modules.TwoHeadAverageKLoss(8 / 7, reduction="none")  # a row's second, once of 7
    values = linear_loss(criterion, alike, weight, labels, bias, chunk_bytes=FEW)
    logits = [each.detach().numpy() for each in logits_of(alike, weight, bias)]
    expected = two_head(*logits, labels.numpy(), k=2, reduction="none")[0]
    np.testing.assert_allclose(values.detach().numpy(), np.asarray(expected), rtol=1e-9)


def test_under_autocast():
    inputs, weight, bias, labels = made()
    given = [each.detach().float().requires_grad_() for each in (inputs, weight, bias)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = loss_of()(*logits_of(*given), labels)
        found = linear_loss(loss_of(), given[0], given[1], labels, given[2], chunk_bytes=FEW)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_in_a_graph():
    inputs, weight, bias, labels = made()
    whole, parts = loss_of(decay=0.5), loss_of(decay=0.5)

    @torch.compile(backend="aot_eager", fullgraph=True)
    def compiled(*given):
        return linear_loss(parts, *given, labels, bias, chunk_bytes=FEW)

    for _ in range(2):
        expected = linear_loss(whole, inputs, weight, labels, bias)
        found = compiled(inputs, weight)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
        for one, other in zip(
            with_gradients(found, inputs, weight),
            with_gradients(expected, inputs, weight),
            strict=True,
        ):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(parts.threshold, whole.threshold, rtol=1e-12, atol=0)


def test_weights_that_are_no_pair():
    inputs, weight, bias, labels = made()
    with pytest.raises(topkloss.TopKLossError, match=r"two heads it must be \(2 C, D\)"):
        linear_loss(loss_of(), inputs, weight[1:], labels, bias[1:])
    arrays = [each.detach().numpy() for each in (inputs, weight[1:], labels)]
    with pytest.raises(topkloss.TopKLossError, match=r"two heads it must be \(2 C, D\)"):
        topkloss.linear_loss(topkloss.TwoHeadAverageKLoss(K), *arrays)
    with pytest.raises(topkloss.TopKLossError, match="has no candidates"):
        topkloss.linear_loss(
            topkloss.CrossEntropyLoss(), *arrays, threshold=topkloss.ThresholdState()
        )


def confident(rows=64, classes=40, dtype=torch.float32):
    """Two rows that may be anything, and others that are sure: the threshold is next to nothing."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.rand((rows, WIDTH), generator=generator).to(dtype) - 0.5
    weight = torch.rand((2 * classes, WIDTH), generator=generator).to(dtype) - 0.5
    inputs[2:] *= 1500
    return inputs, weight, torch.arange(rows) % classes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_candidates_do_not_depend_on_chunks(dtype):
    inputs, weight, labels = confident(dtype=dtype)
    criterion = modules.TwoHeadAverageKLoss(5, reduction="none")
    logits = functional.linear(inputs, weight).split(40, dim=1)
    expected = criterion(*logits, labels)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-9
    for rows in 1, 4, 10, 64:
        found = linear_loss(
            criterion, inputs, weight, labels, chunk_bytes=rows * 80 * dtype.itemsize
        )
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_rows_that_are_alike_have_the_same_candidates():
    inputs, weight, _ = confident(37, 40)
    inputs[:] = inputs[0].clone()
    labels = torch.zeros(37, dtype=torch.int64)
    criterion = modules.TwoHeadAverageKLoss(1 + 5 / 37, reduction="none")
    for rows in 1, 2, 5, 16, 37:
        found = linear_loss(criterion, inputs, weight, labels, chunk_bytes=rows * 80 * 4)
        torch.testing.assert_close(found, found[:1].expand(37), rtol=1e-5, atol=0)


def test_labels_of_eight_bits_are_no_ignored_ones():
    """Of uint8 PyTorch says that 156 is -100."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.rand((6, WIDTH), generator=generator)
    weight = torch.rand((400, WIDTH), generator=generator)
    labels = torch.tensor([156, 3, 156, 7, 8, 9], dtype=torch.uint8)
    for criterion in modules.CrossEntropyLoss(), modules.TwoHeadAverageKLoss(5):
        found = linear_loss(criterion, inputs, weight, labels)
        expected = linear_loss(criterion, inputs, weight, labels.long())
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)

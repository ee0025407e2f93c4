"""Every loss as a PyTorch module, under autograd's rules.

That the losses are right the tests of arrays say: here a module has the same answers as its loss.
"""

from __future__ import annotations

import numpy as np
import pytest
from pairwise import pairwise
from torch_support import (
    AVERAGING,
    CLASSES,
    CONSTANTS,
    DTYPES,
    MAKERS,
    SECOND_HEAD,
    WAYS,
    batch,
    call,
    fixed,
    gradient_of,
    modules,
    reductions,
    refuses,
    torch,
    ways,
)


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in CONSTANTS])
@reductions
def test_gradcheck(name, reduction):
    loss = fixed(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    labels[2] = -100
    weights = torch.rand(len(labels), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda z: loss(z, labels, sample_weight=weights), (logits,), eps=1e-7, atol=1e-5
    )


@pytest.mark.parametrize("name", [name for name in MAKERS if name != AVERAGING])
def test_the_same_as_on_arrays(name):
    for reduction in ("mean", "sum", "none"):
        module = MAKERS[name](reduction=reduction)
        for dtype in DTYPES:
            compare_with_arrays(module, dtype)


def compare_with_arrays(module, dtype):
    logits, labels = batch(dtype=dtype)
    heads = [logits]
    if module.loss._traits.heads == 2:
        heads.append(SECOND_HEAD[:6].to(dtype).requires_grad_())
    options = {"step": 7} if isinstance(module, modules.NoisedTopKLoss) else {}
    weights = torch.linspace(0, 2, 6)
    value = module(*heads, labels, sample_weight=weights, **options)
    assert value.dtype == dtype
    assert value.shape == ((6,) if module.loss.reduction == "none" else ())
    value.backward(torch.ones_like(value))

    arrays = [head.detach() for head in heads]
    expected, gradients = module.loss.value_and_grad(
        *arrays, labels, sample_weight=weights.numpy(), **options
    )
    assert torch.equal(value.detach(), torch.as_tensor(np.asarray(expected, "f8")).to(dtype))
    for head, gradient in zip(heads, gradients if len(heads) == 2 else [gradients], strict=True):
        assert head.grad.dtype == dtype
        assert head.grad.double().numpy().tolist() == gradient.astype("f8").tolist()


@pairwise(smoothing=[0.0, 0.1, 1.0], weighted=[False, True], reduction=["mean", "sum", "none"])
def test_cross_entropy_is_pytorchs(smoothing, weighted, reduction):
    logits, labels = batch(50)
    labels[::7] = -100
    weight = torch.rand(CLASSES, dtype=torch.float64) if weighted else None
    upstream = torch.linspace(-1, 2, 50, dtype=torch.float64) if reduction == "none" else None
    expected = torch.nn.functional.cross_entropy(
        logits, labels, weight=weight, label_smoothing=smoothing, reduction=reduction
    )
    options = {"class_weight": weight, "label_smoothing": smoothing, "reduction": reduction}
    value = modules.CrossEntropyLoss(**options)(logits, labels)
    torch.testing.assert_close(value, expected, rtol=1e-11, atol=1e-12)
    found, wanted = (gradient_of(one, logits, upstream=upstream) for one in (value, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


@ways
def test_in_a_graph_with_other_terms(name):
    """A transformed loss of transformed logits, beside a term of another kind."""
    loss = fixed(MAKERS[name]())
    inputs, labels = batch()
    (3 * loss(inputs * 2, labels).pow(2) + inputs.square().sum()).backward()
    doubled = (inputs.detach() * 2).requires_grad_()
    value = loss(doubled, labels)
    gradient = gradient_of(value, doubled)
    expected = 12 * value.detach() * gradient + 2 * inputs.detach()
    torch.testing.assert_close(inputs.grad, expected)


@ways
def test_upstream_of_each_row(name):
    """The vector-Jacobian product is the gradient of the weighted sum."""
    logits, labels = batch()
    upstream = torch.tensor([1.0, 0.0, -2.5, 3.0, 1e-3, 1.0], dtype=torch.float64)
    loss = fixed(MAKERS[name](reduction="none"))
    gradient = gradient_of(loss(logits, labels), logits, upstream=upstream)
    weighted = gradient_of(loss(logits, labels) @ upstream, logits)
    assert torch.equal(gradient, weighted)
    jacobian = torch.autograd.functional.jacobian(lambda z: loss(z, labels), logits.detach())
    torch.testing.assert_close(gradient, torch.einsum("i,ijk->jk", upstream, jacobian))


@ways
@reductions
def test_backward_again_with_a_retained_graph(name, reduction):
    """Each backward pass adds the same gradient: the saved one must never be what is added to."""
    loss = fixed(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    value = loss(logits, labels)
    ones = torch.ones_like(value)
    once = torch.autograd.grad(value, logits, ones, retain_graph=True)[0].clone()
    for _ in range(4):
        value.backward(ones, retain_graph=True)
    torch.testing.assert_close(logits.grad, 4 * once)
    value.backward(ones)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        value.backward(ones)


@ways
@reductions
def test_no_second_derivative(name, reduction):
    loss = call(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    value = loss(logits, labels).sum()
    with pytest.raises(RuntimeError, match="can be differentiated only once"):
        torch.autograd.grad(value, logits, create_graph=True)
    with pytest.raises(RuntimeError, match="can be differentiated only once"):
        torch.autograd.functional.hessian(lambda z: loss(z, labels).sum(), logits.detach())


@ways
@reductions
def test_without_gradient(name, reduction):
    loss = fixed(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    expected = loss(logits, labels)
    with torch.no_grad():
        value = loss(logits, labels)
    assert not value.requires_grad
    assert torch.equal(value, expected.detach())
    assert not loss(logits.detach(), labels).requires_grad
    with torch.inference_mode():
        assert torch.equal(loss(logits.detach(), labels), expected.detach())


def views(plain):
    """The same numbers in other layouts."""
    rows, columns = plain.shape
    wide = plain.new_zeros((rows, columns + 19))
    spread = plain.new_zeros((rows, 2 * columns))
    tall = plain.new_zeros((2 * rows, columns))
    wide[:, 5 : 5 + columns] = spread[:, ::2] = tall[::2] = plain
    return wide[:, 5 : 5 + columns], spread[:, ::2], tall[::2], plain.t().contiguous().t()


@pairwise(name=WAYS, dtype=DTYPES)
def test_tensors_in_any_layout(name, dtype):
    loss = fixed(MAKERS[name]())
    plain, labels = batch(dtype=dtype)
    loss(plain, labels).backward()
    for view in views(plain.detach()):
        view.requires_grad_()
        value = loss(view, labels.repeat_interleave(2)[::2])
        value.backward()
        assert torch.equal(value, loss(plain, labels))
        assert torch.equal(view.grad, plain.grad)
    if dtype in (torch.float32, torch.float64):
        complex_numbers = torch.complex(plain.detach(), -plain.detach())
        negated = complex_numbers.conj().imag
        assert negated.is_neg()
        assert torch.equal(loss(negated, labels), loss(plain, labels))
    repeated = plain.detach()[:1].expand(6, CLASSES)
    assert torch.equal(loss(repeated, labels), loss(repeated.clone(), labels))


@ways
@reductions
def test_any_default_device(name, reduction):
    """Results are in the CPU's memory, where the library writes, whatever the default is."""
    loss = fixed(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    expected = loss(logits, labels)
    upstream = torch.ones_like(expected)
    with torch.device("meta"):
        value = fixed(MAKERS[name](reduction=reduction))(logits, labels)
        gradient = gradient_of(value, logits, upstream=upstream)
    assert torch.equal(value, expected)
    assert torch.equal(gradient, gradient_of(expected, logits, upstream=upstream))


@ways
def test_no_rows_that_count(name):
    loss = call(MAKERS[name]())
    logits, labels = batch()
    empty, none = batch(0)
    for scores, indices in ((logits, torch.full_like(labels, -100)), (empty, none)):
        value = loss(scores, indices)
        value.backward()
        assert value == 0
        assert scores.grad.shape == scores.shape
        assert not scores.grad.any()


def test_labels_of_every_integer_type():
    logits, labels = batch()
    loss = modules.CrossEntropyLoss()
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        assert torch.equal(loss(logits, labels.to(dtype)), loss(logits, labels))


def test_a_check_that_is_asked_for():
    logits, labels = batch(requires_grad=False)
    logits[3, 4] = torch.nan
    refuses(lambda: modules.FocalLoss(check_finite=True)(logits, labels), "NOT_FINITE", "[3, 4]")
    values = modules.FocalLoss(reduction="none")(logits, labels)
    assert values.isnan().tolist() == [False, False, False, True, False, False]

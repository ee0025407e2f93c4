"""Every loss as a PyTorch module, under autograd's rules. Against formulas: the other files."""

from __future__ import annotations

import numpy as np
import pytest
from torch_support import (
    CLASSES,
    MAKERS,
    batch,
    call,
    dtypes,
    each,
    fixed,
    gradient_of,
    modules,
    one_head,
    reductions,
    refuses,
    torch,
)


@each
@reductions
def test_gradcheck(name, reduction):
    loss = fixed(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    labels[2] = -100
    weights = torch.rand(len(labels), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda z: loss(z, labels, sample_weight=weights), (logits,), eps=1e-7, atol=1e-5
    )


@one_head
@dtypes
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_same_as_on_arrays(name, dtype, reduction):
    module = MAKERS[name](reduction=reduction)
    logits, labels = batch(dtype=dtype)
    weights = torch.linspace(0, 2, 6)
    value = fixed(module)(logits, labels, sample_weight=weights)
    assert value.dtype == dtype
    assert value.shape == (() if reduction == "mean" else (6,))
    value.backward(torch.ones_like(value))
    assert logits.grad.dtype == dtype

    options = {"step": 7} if isinstance(module, modules.NoisedTopKLoss) else {}
    options["sample_weight"] = weights.numpy()
    expected = module.loss.value_and_grad(logits.detach(), labels, **options)
    assert torch.equal(value.detach(), torch.as_tensor(np.asarray(expected[0], "f8")).to(dtype))
    assert logits.grad.double().numpy().tolist() == expected[1].astype("f8").tolist()


@each
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


@each
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


@each
def test_backward_again_with_a_retained_graph(name):
    """Each backward pass adds the same gradient: the saved one must never be what is added to."""
    loss = fixed(MAKERS[name]())
    logits, labels = batch()
    value = loss(logits, labels)
    (once,) = torch.autograd.grad(value, logits, retain_graph=True)
    once = once.clone()
    for _ in range(4):
        value.backward(retain_graph=True)
    torch.testing.assert_close(logits.grad, 4 * once)
    value.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        value.backward()


@each
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_no_second_derivative(name, reduction):
    loss = call(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    value = loss(logits, labels).sum()
    with pytest.raises(RuntimeError, match="can be differentiated only once"):
        torch.autograd.grad(value, logits, create_graph=True)
    with pytest.raises(RuntimeError, match="can be differentiated only once"):
        torch.autograd.functional.hessian(lambda z: loss(z, labels).sum(), logits.detach())


@each
@pytest.mark.parametrize("reduction", ["mean", "none"])
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


@each
@dtypes
def test_tensors_in_any_layout(name, dtype):
    loss = fixed(MAKERS[name]())
    plain, labels = batch(dtype=dtype)
    loss(plain, labels).backward()
    wide = torch.zeros((6, 40), dtype=dtype)
    wide[:, 5:26] = plain.detach()
    spread = torch.zeros((6, 2 * CLASSES), dtype=dtype)
    spread[:, ::2] = plain.detach()
    tall = torch.zeros((12, CLASSES), dtype=dtype)
    tall[::2] = plain.detach()
    for view in (wide[:, 5:26], spread[:, ::2], tall[::2], plain.detach().t().contiguous().t()):
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


@each
def test_any_default_device(name):
    """Results are in the CPU's memory, where the library writes, whatever the default is."""
    loss = fixed(MAKERS[name]())
    logits, labels = batch()
    expected = loss(logits, labels)
    with torch.device("meta"):
        value = fixed(MAKERS[name]())(logits, labels)
        gradient = gradient_of(value, logits)
    assert torch.equal(value, expected)
    assert torch.equal(gradient, gradient_of(expected, logits))


@each
def test_every_row_ignored(name):
    logits, labels = batch()
    value = call(MAKERS[name]())(logits, torch.full_like(labels, -100))
    value.backward()
    assert value == 0
    assert not logits.grad.any()


@each
def test_no_rows(name):
    logits, labels = batch(0)
    value = call(MAKERS[name]())(logits, labels)
    value.backward()
    assert value == 0
    assert logits.grad.shape == (0, CLASSES)


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8], ids=str
)
def test_labels_of_every_integer_type(dtype):
    logits, labels = batch()
    loss = modules.CrossEntropyLoss()
    assert torch.equal(loss(logits, labels.to(dtype)), loss(logits, labels))


def test_a_check_that_is_asked_for():
    logits, labels = batch(requires_grad=False)
    logits[3, 4] = torch.nan
    refuses(lambda: modules.FocalLoss(check_finite=True)(logits, labels), "NOT_FINITE", "[3, 4]")
    values = modules.FocalLoss(reduction="none")(logits, labels)
    assert values.isnan().tolist() == [False, False, False, True, False, False]

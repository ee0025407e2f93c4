"""The noised top-K operator as a function under autograd."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from torch_support import CLASSES, batch, dtypes, gradient_of, refuses, torch

import topkloss
from topkloss.torch import noised_topk

ESTIMATORS = [{"estimator": "exact"}, {"estimator": "monte_carlo", "seed": 4, "step": 9}]
estimators = pytest.mark.parametrize("options", ESTIMATORS, ids=["exact", "monte_carlo"])


def scores(*shape, dtype=torch.float64, seed=8):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


@pytest.mark.parametrize(
    ("shape", "epsilon"),
    [((9,), 0.5), ((4, 9), 0.0), ((2, 3, 9), 0.5), ((1, 1), 0.5), ((1, 1), 0.0)],
)
def test_gradcheck(shape, epsilon):
    x = scores(*shape)
    rank = min(3, shape[-1])
    assert torch.autograd.gradcheck(lambda x: noised_topk(x, rank, epsilon), (x,))


@estimators
@dtypes
def test_the_same_as_on_arrays(options, dtype):
    x = scores(5, 30, dtype=dtype)
    values = noised_topk(x, 4, 0.7, **options)
    assert values.dtype == dtype
    expected = topkloss.noised_topk(x.detach(), 4, 0.7, **options)
    assert values.detach().double().numpy().tolist() == expected.astype("f8").tolist()
    values.backward(torch.ones_like(values))
    assert x.grad.dtype == dtype
    expected = topkloss.noised_topk_vjp(x.detach(), 4, 0.7, **options)
    assert x.grad.double().numpy().tolist() == expected.astype("f8").tolist()
    with torch.no_grad():
        assert torch.equal(noised_topk(x, 4, 0.7, **options), values)


@estimators
def test_upstream(options):
    x = scores(5, 30)
    upstream = torch.tensor([1.0, 0.0, -2.5, 1e3, 1.0], dtype=torch.float64)
    gradient = gradient_of(noised_topk(x, 4, **options), x, upstream=upstream)
    expected = topkloss.noised_topk_vjp(x.detach(), 4, upstream=upstream, **options)
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("shape", [(CLASSES,), (50, CLASSES), (5, 5, 2, CLASSES)])
def test_given_noise(shape):
    """The estimator's own formula."""
    x = batch(50)[0].detach()[: int(np.prod(shape[:-1]))].reshape(shape).requires_grad_()
    noise = torch.randn((*shape[:-1], 6, CLASSES), dtype=torch.float64)
    expected = (x[..., None, :] + 0.4 * noise).topk(3).values[..., 2].mean(-1)
    values = noised_topk(x, 3, 0.4, estimator="monte_carlo", n_samples=6, noise=noise)
    upstream = torch.randn(shape[:-1], dtype=torch.float64)
    torch.testing.assert_close(values, expected, rtol=1e-11, atol=1e-12)
    found, wanted = (gradient_of(one, x, upstream=upstream) for one in (values, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_given_noise_in_any_layout():
    x, noise = scores(2, 3, 9), scores(3, 2, 9, 5).detach().permute(1, 0, 3, 2)
    options = {"estimator": "monte_carlo", "n_samples": 5}
    expected = noised_topk(x, 3, noise=noise.contiguous(), **options)
    assert torch.equal(noised_topk(x, 3, noise=noise, **options), expected)
    samples_first = noise.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(noised_topk(x, 3, noise=samples_first, **options), expected)


@estimators
def test_leading_dimensions_are_rows(options):
    x = scores(2, 3, 4, 11)
    values = noised_topk(x, 5, **options)
    assert values.shape == (2, 3, 4)
    flat = noised_topk(x.reshape(24, 11), 5, **options)
    assert torch.equal(values.reshape(24), flat)
    single = noised_topk(x[0, 0, 0], 5, **options)
    assert single.shape == ()
    assert torch.equal(single, flat[0])
    upstream = torch.randn(2, 3, 4, dtype=torch.float64)
    gradient = gradient_of(values, x, upstream=upstream)
    expected = gradient_of(flat, x, upstream=upstream.reshape(24))
    assert torch.equal(gradient, expected)
    assert gradient_of(single, x)[0, 0, 0].sum().item() == pytest.approx(1)
    assert noised_topk(x[:0], 5, **options).shape == (0, 3, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_any_layout(dtype):
    x = scores(6, 4, 11, dtype=dtype)
    expected = noised_topk(x.permute(1, 0, 2).contiguous(), 3)
    assert torch.equal(noised_topk(x.permute(1, 0, 2), 3), expected)
    assert torch.equal(noised_topk(x.transpose(0, 2), 3), noised_topk(x.mT.transpose(0, 1).mT, 3))
    spread = torch.zeros(6, 4, 22, dtype=dtype)
    spread[..., ::2] = x.detach()
    assert torch.equal(noised_topk(spread[..., ::2], 3), noised_topk(x, 3))
    gradients = gradient_of(noised_topk(x[:, ::2], 3).sum(), x)
    kept = x.detach()[:, ::2].contiguous().requires_grad_()
    assert torch.equal(gradients[:, ::2], gradient_of(noised_topk(kept, 3).sum(), kept))
    assert not gradients[:, 1::2].any()


def test_inside_a_network():
    """A layer below, a threshold on its scores, and a term above, as one function."""
    layer = torch.nn.Linear(5, 9, dtype=torch.float64)
    inputs = scores(4, 5)

    def soft_top_3(inputs, weight):
        outputs = torch.nn.functional.linear(inputs, weight)
        return torch.sigmoid(outputs - noised_topk(outputs, 4, 0.3)[:, None]).square().sum()

    assert torch.autograd.gradcheck(soft_top_3, (inputs, layer.weight))


@estimators
def test_no_second_derivative(options):
    x = scores(4, 9)
    with pytest.raises(RuntimeError, match="can be differentiated only once"):
        torch.autograd.grad(noised_topk(x, 3, **options).sum(), x, create_graph=True)


def test_signature():
    ours, arrays = (inspect.signature(f) for f in (noised_topk, topkloss.noised_topk))
    assert list(ours.parameters) == list(arrays.parameters)
    for name, parameter in ours.parameters.items():
        assert parameter.default == arrays.parameters[name].default
        assert parameter.kind == arrays.parameters[name].kind


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ({"x": torch.tensor(1.0)}, "SIZE", ["x has shape ()", "classes"]),
        ({"x": np.zeros((4, 5))}, "ENUMERATOR", ["x is a ndarray"]),
        ({"x": torch.zeros(4, 5, dtype=torch.int64)}, "ENUMERATOR", ["x has dtype torch.int64"]),
        ({"x": torch.zeros(4, 5, device="meta")}, "ENUMERATOR", ["x is on the device meta"]),
        ({"x": torch.zeros(4, 5).to_sparse()}, "ENUMERATOR", ["torch.sparse_coo"]),
        ({"x": torch.full((4, 5), torch.nan), "check_finite": True}, "NOT_FINITE", ["[0, 0]"]),
        ({"k": 6}, "OPTION", ["k is 6"]),
        ({"k": 2.0}, "OPTION", ["k is 2.0"]),
        ({"epsilon": -1}, "OPTION", ["epsilon"]),
        ({"estimator": "magic"}, "ENUMERATOR", ["estimator is 'magic'"]),
        ({"step": -1}, "OPTION", ["step is -1"]),
        ({"noise": torch.zeros(4, 5, 5)}, "OPTION", ["noise"]),
        (
            {"noise": torch.zeros(4, 4, 5), "estimator": "monte_carlo"},
            "SIZE",
            ["noise has shape (4, 4, 5)", "(4, 5, 5)"],
        ),
        (
            {"noise": torch.zeros(4, 5, 5, requires_grad=True), "estimator": "monte_carlo"},
            "OPTION",
            ["noise requires a gradient"],
        ),
        (
            {"x": torch.zeros(2, 2, 5), "noise": torch.zeros(4, 5, 5)},
            "SIZE",
            ["noise has shape (4, 5, 5)", "(2, 2, 5, 5)"],
        ),
    ],
    ids=str,
)
def test_bad_arguments(arguments, status, words):
    arguments = {"x": torch.zeros(4, 5), "k": 2, **arguments}
    refuses(lambda: noised_topk(**arguments), status, *words)

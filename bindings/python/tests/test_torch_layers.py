"""The normalised layer."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from topkloss.torch import NormedLinear  # noqa: E402


def test_outputs_are_cosines():
    torch.manual_seed(1)
    layer = NormedLinear(7, 5, dtype=torch.float64)
    inputs = torch.randn(3, 4, 7, dtype=torch.float64)
    expected = torch.nn.functional.cosine_similarity(
        inputs[..., None, :], layer.weight.detach(), dim=-1
    )
    torch.testing.assert_close(layer(inputs).detach(), expected)
    assert layer(inputs).abs().max() <= 1


def test_lengths_do_not_matter():
    torch.manual_seed(1)
    layer = NormedLinear(7, 5)
    inputs = torch.randn(4, 7)
    expected = layer(inputs).detach()
    for factor in (1e-30, 1e-3, 1e30):
        torch.testing.assert_close(layer(inputs * factor).detach(), expected)
    with torch.no_grad():
        layer.weight.mul_(1e-25)
    torch.testing.assert_close(layer(inputs).detach(), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    layer = NormedLinear(64, 5).to(dtype)
    inputs = torch.full((2, 64), 60_000.0, dtype=dtype)  # the length is beyond float16
    assert torch.isfinite(layer(inputs)).all()


def test_zero_vectors():
    layer = NormedLinear(7, 5, dtype=torch.float64)
    with torch.no_grad():
        layer.weight[2] = 0
    inputs = torch.zeros(2, 7, dtype=torch.float64)
    inputs[1, 3] = 2
    inputs.requires_grad_()
    outputs = layer(inputs)
    assert not outputs[0].any()
    assert not outputs[:, 2].any()
    outputs.sum().backward()
    assert torch.isfinite(inputs.grad).all()
    assert torch.isfinite(layer.weight.grad).all()
    assert inputs.grad.abs().max() < 10


def test_gradcheck():
    torch.manual_seed(2)
    layer = NormedLinear(6, 4, dtype=torch.float64)
    inputs = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, w: torch.func.functional_call(layer, {"weight": w}, x), (inputs, layer.weight)
    )


def test_parameters():
    torch.manual_seed(3)
    layer = NormedLinear(200, 30)
    assert repr(layer) == "NormedLinear(in_features=200, out_features=30)"
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer.weight.shape == (30, 200)
    lengths = layer.weight.detach().norm(dim=1)
    assert 0.7 < lengths.min() <= lengths.max() < 1.3
    before = layer.weight.detach().clone()
    layer.reset_parameters()
    assert not torch.equal(before, layer.weight)
    twin = NormedLinear(200, 30)
    twin.load_state_dict(layer.state_dict())
    assert torch.equal(twin.weight, layer.weight)

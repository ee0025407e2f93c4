"""The losses as PyTorch modules: beside PyTorch's own losses, and under autograd's rules."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import numpy as np
import pytest
from support import long_tail

import topkloss
from topkloss import TopKLossError

torch = pytest.importorskip("torch")

import topkloss.torch as modules  # noqa: E402

CLASSES = 21
COUNTS = long_tail(CLASSES, np.random.default_rng(3))
MAKERS = {
    "CrossEntropyLoss": lambda **o: modules.CrossEntropyLoss(**o),
    "LogitAdjustedLoss": lambda **o: modules.LogitAdjustedLoss(COUNTS, **o),
    "LDAMLoss": lambda **o: modules.LDAMLoss(COUNTS, **o),
    "ELMLoss": lambda **o: modules.ELMLoss(COUNTS, **o),
    "NoisedTopKLoss": lambda **o: modules.NoisedTopKLoss(3, margin=5.0, **o),
}
each = pytest.mark.parametrize("name", MAKERS)
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def fixed(module):
    """A function of the logits that draws the same noise in every call."""
    if isinstance(module, modules.NoisedTopKLoss):
        return lambda *args, **options: module(*args, step=7, **options)
    return module


def batch(rows=6, dtype=torch.float64, requires_grad=True):
    generator = torch.Generator().manual_seed(5)
    logits = torch.rand((rows, CLASSES), generator=generator, dtype=torch.float64) * 2 - 1
    labels = torch.randint(CLASSES, (rows,), generator=generator)
    return logits.to(dtype).requires_grad_(requires_grad), labels


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_is_pytorchs(weighted, smoothing, reduction):
    logits, labels = batch(50)
    labels[::7] = -100
    weight = torch.rand(CLASSES, dtype=torch.float64) if weighted else None
    expected = torch.nn.functional.cross_entropy(
        logits, labels, weight=weight, label_smoothing=smoothing, reduction=reduction
    )
    upstream = torch.linspace(-1, 2, 50, dtype=torch.float64) if reduction == "none" else None
    (expected_gradient,) = torch.autograd.grad(expected, logits, upstream)

    loss = modules.CrossEntropyLoss(
        class_weight=weight, label_smoothing=smoothing, reduction=reduction
    )
    value = loss(logits, labels)
    (gradient,) = torch.autograd.grad(value, logits, upstream)

    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("tau", [1.0, 0.5])
def test_logit_adjusted_is_pytorchs_on_adjusted_logits(tau):
    logits, labels = batch(50)
    counts = torch.from_numpy(COUNTS)
    adjusted = logits + tau * torch.log(counts / counts.sum())
    expected = torch.nn.functional.cross_entropy(adjusted, labels)
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    value = modules.LogitAdjustedLoss(counts, tau)(logits, labels)
    (gradient,) = torch.autograd.grad(value, logits)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-13)


@each
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradcheck(name, reduction):
    loss = fixed(MAKERS[name](reduction=reduction))
    logits, labels = batch()
    labels[2] = -100
    weights = torch.rand(len(labels), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda z: loss(z, labels, sample_weight=weights), (logits,), eps=1e-7, atol=1e-5
    )


@each
@dtypes
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_same_as_on_arrays(name, dtype, reduction):
    module = MAKERS[name](reduction=reduction)
    logits, labels = batch(dtype=dtype)
    value = fixed(module)(logits, labels)
    assert value.dtype == dtype
    assert value.shape == (() if reduction == "mean" else (6,))
    value.backward(torch.ones_like(value))
    assert logits.grad.dtype == dtype

    options = {"step": 7} if name == "NoisedTopKLoss" else {}
    expected = module.loss.value_and_grad(logits.detach(), labels, **options)
    assert torch.equal(value.detach(), torch.as_tensor(np.asarray(expected[0], "f8")).to(dtype))
    assert logits.grad.double().numpy().tolist() == expected[1].astype("f8").tolist()


@each
def test_upstream_multiplies_the_gradient(name):
    loss = fixed(MAKERS[name]())
    logits, labels = batch()
    loss(logits, labels).backward()
    plain, logits.grad = logits.grad, None
    (3 * loss(logits * 2, labels).pow(2)).backward()
    halves = loss(logits.detach() * 2, labels)
    doubled = (logits.detach() * 2).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(doubled, labels), doubled)
    torch.testing.assert_close(logits.grad, 12 * halves * gradient)
    assert not torch.equal(plain, logits.grad)


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


@each
def test_no_second_derivative(name):
    logits, labels = batch()
    value = MAKERS[name]()(logits, labels)
    with pytest.raises(RuntimeError, match="can be differentiated only once"):
        torch.autograd.grad(value, logits, create_graph=True)
    with pytest.raises(RuntimeError, match="can be differentiated only once"):
        torch.autograd.functional.hessian(lambda z: MAKERS[name]()(z, labels), logits.detach())


@each
def test_without_gradient(name):
    loss = fixed(MAKERS[name]())
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


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8], ids=str
)
def test_labels_of_every_integer_type(dtype):
    logits, labels = batch()
    loss = modules.CrossEntropyLoss()
    assert torch.equal(loss(logits, labels.to(dtype)), loss(logits, labels))


def test_every_row_ignored():
    logits, labels = batch()
    value = modules.CrossEntropyLoss()(logits, torch.full_like(labels, -100))
    value.backward()
    assert value == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_noise(dtype):
    logits, labels = batch(dtype=dtype)
    noise = torch.randn((6, 5, CLASSES), dtype=torch.float64)
    module = modules.NoisedTopKLoss(3)
    arithmetic = np.float64 if dtype == torch.float64 else np.float32
    value = module(logits, labels, noise=noise)
    value.backward()
    expected = module.loss.value_and_grad(
        logits.detach(), labels, noise=noise.numpy().astype(arithmetic)
    )
    assert value.item() == torch.tensor(expected[0], dtype=dtype).item()
    assert logits.grad.double().numpy().tolist() == expected[1].astype("f8").tolist()
    by_class = noise.transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(module(logits, labels, noise=by_class), value)
    shared = noise[:1].expand(6, 5, CLASSES)
    assert torch.equal(
        module(logits, labels, noise=shared), module(logits, labels, noise=shared.clone())
    )


# Modules as objects


@each
def test_modules_have_no_parameters(name):
    assert not list(MAKERS[name]().parameters())
    assert not list(MAKERS[name]().buffers())


@each
def test_signatures_are_those_of_the_losses(name):
    module, loss = getattr(modules, name), getattr(topkloss, name)
    assert inspect.signature(module) == inspect.signature(loss)


def test_text():
    assert (
        repr(modules.LDAMLoss(torch.tensor([3, 2]), scale=10))
        == "LDAMLoss(class_counts=<2 classes>, scale=10.0)"
    )
    assert repr(modules.CrossEntropyLoss()) == "CrossEntropyLoss()"


@each
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies(name, duplicate):
    module = MAKERS[name]()
    logits, labels = batch()
    module(logits, labels)
    twin = duplicate(module)
    assert type(twin) is type(module)
    assert repr(twin) == repr(module)
    expected = copy.deepcopy(module)(logits, labels)
    assert torch.equal(twin(logits, labels), expected)


def test_steps_are_in_the_state():
    logits, labels = batch()
    module, fresh = modules.NoisedTopKLoss(3), modules.NoisedTopKLoss(3)
    values = [module(logits, labels).item() for _ in range(5)]
    assert len(set(values)) == 5
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    assert fresh(logits, labels) == module(logits, labels)
    assert module(logits, labels, step=2).item() == values[2]
    assert fresh(logits, labels) == module(logits, labels)
    module.half().eval().train()
    assert fresh(logits, labels) == module(logits, labels)


@each
def test_state_of_a_model_with_a_loss(name):
    model = torch.nn.Sequential(torch.nn.Linear(3, CLASSES))
    model.criterion = MAKERS[name]()
    twin = copy.deepcopy(model)
    twin.load_state_dict(model.state_dict())


def test_training_step():
    torch.manual_seed(0)
    layer = modules.NormedLinear(8, CLASSES)
    inputs, labels = torch.randn(32, 8), torch.randint(CLASSES, (32,))
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    criterion = modules.LDAMLoss(COUNTS)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value = criterion(layer(inputs), labels)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.7 * values[0]


# Wrong arguments


def refuses(call, status, *words):
    with pytest.raises(TopKLossError) as caught:
        call()
    assert caught.value.status == f"TOPKLOSS_ERROR_{status}"
    for word in words:
        assert str(word) in str(caught.value)


LABELS = torch.arange(4)


@each
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize(
    ("logits", "status", "words"),
    [
        (torch.zeros(CLASSES), "SIZE", ["logits has shape (21,)", "(1, C)"]),
        (torch.zeros(2, 2, CLASSES), "SIZE", ["logits has shape (2, 2, 21)"]),
        (torch.zeros((4, CLASSES), device="meta"), "ENUMERATOR", ["logits is on the device meta"]),
        (torch.zeros(4, CLASSES, dtype=torch.cfloat), "ENUMERATOR", ["logits has dtype"]),
        (torch.zeros(4, CLASSES).to_sparse(), "ENUMERATOR", ["torch.sparse_coo"]),
    ],
    ids=["vector", "three", "meta", "complex", "sparse"],
)
def test_logits(name, logits, status, words, requires_grad):
    logits = logits.clone().requires_grad_(requires_grad)
    refuses(lambda: MAKERS[name]()(logits, LABELS), status, *words)


@each
def test_logits_that_are_no_floats_or_no_tensors(name):
    loss = MAKERS[name]()
    integers = torch.zeros(4, CLASSES, dtype=torch.int64)
    refuses(lambda: loss(integers, LABELS), "ENUMERATOR", "logits has dtype torch.int64")
    refuses(lambda: loss(np.zeros((4, CLASSES)), LABELS), "ENUMERATOR", "logits is a ndarray")


@each
@pytest.mark.parametrize(
    ("labels", "status", "words"),
    [
        (torch.tensor([0, 1, 21, 3]), "LABEL", ["labels[2]", 21]),
        (torch.arange(3), "SIZE", ["labels has shape (3,)", "4 rows"]),
        (torch.zeros(4, 1, dtype=torch.int64), "SIZE", ["labels has shape (4, 1)"]),
        (torch.zeros(4), "ENUMERATOR", ["labels has dtype torch.float32"]),
        (torch.zeros(4, dtype=torch.bool), "ENUMERATOR", ["labels has dtype torch.bool"]),
        (torch.zeros(4, dtype=torch.int64, device="meta"), "ENUMERATOR", ["labels", "meta"]),
        ([0, 1, 2, 3], "ENUMERATOR", ["labels is a list"]),
    ],
    ids=str,
)
def test_labels(name, labels, status, words):
    logits = torch.zeros(4, CLASSES, requires_grad=True)
    refuses(lambda: MAKERS[name]()(logits, labels), status, *words)


@each
@pytest.mark.parametrize(
    ("weight", "status", "words"),
    [
        (torch.ones(3), "SIZE", ["sample_weight has shape (3,)", "4 rows"]),
        (torch.tensor([1, float("nan"), 1, 1]), "NOT_FINITE", ["sample_weight[1]"]),
        (torch.ones(4, dtype=torch.cfloat), "ENUMERATOR", ["sample_weight has dtype"]),
        (torch.ones(4, requires_grad=True), "OPTION", ["sample_weight requires a gradient"]),
    ],
    ids=str,
)
def test_sample_weight(name, weight, status, words):
    logits = torch.zeros(4, CLASSES, requires_grad=True)
    refuses(lambda: MAKERS[name]()(logits, LABELS, sample_weight=weight), status, *words)


def test_bad_noise():
    loss = modules.NoisedTopKLoss(3)
    logits = torch.zeros(4, CLASSES)
    refuses(lambda: loss(logits, LABELS, noise=torch.zeros(4, CLASSES, 5)), "SIZE", "noise")
    noise = torch.zeros(4, 5, CLASSES, requires_grad=True)
    refuses(lambda: loss(logits, LABELS, noise=noise), "OPTION", "noise requires a gradient")
    refuses(lambda: loss(logits, LABELS, step=-1), "OPTION", "step is -1")


# Tensors in the functions for arrays


@dtypes
def test_tensors_as_arrays(dtype):
    logits, labels = batch(dtype=dtype, requires_grad=False)
    loss = topkloss.LogitAdjustedLoss(torch.from_numpy(COUNTS))
    wide = logits.double().numpy()
    value, gradient = loss.value_and_grad(logits, labels)
    assert value == pytest.approx(loss(wide, labels.numpy()), rel=1e-6)
    assert gradient.dtype.name == str(dtype).partition(".")[2]
    view = logits.t().contiguous().t()
    assert loss.value_and_grad(view, labels)[1].tobytes() == gradient.tobytes()


def test_tensors_of_bfloat16_without_ml_dtypes(monkeypatch):
    import sys

    logits, labels = batch(dtype=torch.bfloat16, requires_grad=False)
    loss = topkloss.CrossEntropyLoss()
    expected = loss.value_and_grad(logits, labels)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert loss(logits, labels) == expected[0]
    with pytest.raises(TopKLossError, match="need the package ml_dtypes"):
        loss.value_and_grad(logits, labels)
    weights = torch.ones(6, dtype=torch.bfloat16)
    assert loss(logits, labels, sample_weight=weights) == expected[0]


def exports_versions():
    try:
        torch.zeros(1).__dlpack__(max_version=(1, 0))
    except TypeError:
        return False
    return True


@pytest.mark.skipif(not exports_versions(), reason="this PyTorch exports no versioned capsules")
@dtypes
def test_tensors_as_outputs(dtype):
    logits, labels = batch(dtype=dtype, requires_grad=False)
    expected = topkloss.CrossEntropyLoss().value_and_grad(logits, labels)[1]
    _, gradient = topkloss.CrossEntropyLoss().value_and_grad(logits, labels, out=logits)
    assert gradient is logits
    assert logits.double().numpy().tolist() == expected.astype("f8").tolist()


def test_tensors_with_a_gradient_must_be_detached():
    logits, labels = batch()
    refuses(lambda: topkloss.CrossEntropyLoss()(logits, labels), "ENUMERATOR", "logits", "detach")

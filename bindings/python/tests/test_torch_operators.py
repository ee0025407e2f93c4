"""The operators that losses are in graphs: what PyTorch asks of an operator."""

from __future__ import annotations

import pytest
from torch_support import (
    AVERAGING,
    CLASSES,
    COUPLED,
    MAKERS,
    NOISED,
    ONE_HEAD,
    batch,
    modules,
    torch,
)

from topkloss.torch import _operators, _tickets

# PyTorch's own checks look at gradients of tensors that are no leaves.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")

# Everything that `torch.library` can check: schema, autograd, fake forms, tracing with either.
TESTS = (
    "test_schema",
    "test_autograd_registration",
    "test_faketensor",
    "test_aot_dispatch_static",
    "test_aot_dispatch_dynamic",
)


def check(operator, *arguments, tests=TESTS):
    found = torch.library.opcheck(operator, arguments, test_utils=tests)
    assert found == dict.fromkeys(tests, "SUCCESS")


@pytest.fixture
def module():
    """Kept for as long as its ticket is used."""
    return MAKERS[NOISED]()


@pytest.mark.parametrize("by_row", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_one_head(by_row, dtype):
    module = MAKERS[ONE_HEAD](reduction="none" if by_row else "mean")
    logits, labels = batch(dtype=dtype)
    value_dtype = dtype if by_row else torch.float32
    weight = torch.arange(6.0)
    for scores, weights in ((logits, None), (logits, weight), (logits.detach(), None)):
        check(
            _operators.one_head,
            *(module._ticket, scores, labels, weights, None, None),
            *(by_row, scores.requires_grad, value_dtype),
        )


def test_noised(module):
    logits, labels = batch()
    noise = torch.randn(6, module.loss.n_samples, CLASSES)
    step = torch.tensor(-3)
    for given in (None, noise):
        check(
            _operators.one_head,
            *(module._ticket, logits, labels, None, given, step, False, True, logits.dtype),
        )


def test_steps(module):
    # The other checks compare the results of two calls, which are two steps.
    check(_operators.take_step, module._ticket, tests=TESTS[:3])
    module.loss._steps.next = (1 << 64) - 1
    assert _operators.take_step(module._ticket) == -1
    assert _operators.take_step(module._ticket) == 0
    assert _tickets.module_of(module._ticket) is module


def test_coupled_rows():
    module = MAKERS[COUPLED](reduction="none")
    logits, labels = batch()
    check(_operators.coupled_rows, module._ticket, logits, labels, None)
    constant = logits.detach()
    check(_operators.coupled_rows_vjp, module._ticket, constant, labels, None, torch.ones(6))


@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
def test_two_heads(wanted):
    module = MAKERS[AVERAGING]()
    logits, labels = batch()
    second = batch(seed=9)[0]
    check(
        _operators.two_heads,
        *(module._ticket, logits.detach().requires_grad_(wanted[0])),
        *(second.detach().requires_grad_(wanted[1]), labels, torch.ones(6), module.threshold),
        *(False, *wanted, torch.float64),
    )


@pytest.mark.parametrize("estimator", ["exact", "monte_carlo"])
def test_noised_topk(estimator):
    scores, _ = batch()
    noises = (None, torch.randn(6, 5, CLASSES)) if estimator == "monte_carlo" else (None,)
    for noise in noises:
        check(
            _operators.noised_topk,
            *(scores, noise, 3, 0.5, estimator, 5, -1, 2, False, True),
        )


def test_the_bits_of_unsigned_numbers():
    for number in (0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
        assert -(1 << 63) <= _operators.signed(number) < 1 << 63
        assert torch.tensor(_operators.signed(number)).item() % (1 << 64) == number


def test_the_table_keeps_no_module_alive():
    module = modules.CrossEntropyLoss()
    ticket = module._ticket
    assert _tickets.module_of(ticket) is module
    del module
    with pytest.raises(RuntimeError, match="keep the module as long as the graph"):
        _tickets.module_of(ticket)

"""Losses in a graph of `torch.compile`: how tests compile them, and a training step around them."""

from __future__ import annotations

import pytest
from torch_support import (
    AVERAGING,
    CLASSES,
    COUPLED,
    NOISED,
    ONE_HEAD,
    modules,
    torch,
)

# What PyTorch's own compiler warns of, the oldest that is promised of more.
WARNINGS = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Skipping serialization of:UserWarning"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
    pytest.mark.filterwarnings("ignore:Node _ticket target _ticket:UserWarning"),
]

# One for each operator that a loss may be in a graph.
OPERATORS = [(ONE_HEAD, "mean"), (NOISED, "none"), (COUPLED, "none"), (AVERAGING, "mean")]
each_operator = pytest.mark.parametrize(("name", "reduction"), OPERATORS)

WIDTH = 5


@pytest.fixture(autouse=True)
def nothing_compiled(monkeypatch, tmp_path):
    """Nothing that another test, or another version of the operators, has compiled."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(function, backend="aot_eager"):
    return torch.compile(function, fullgraph=True, backend=backend)


def graphs():
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def no_recompilation():
    return torch._dynamo.config.patch(error_on_recompile=True)


class Step(torch.nn.Module):
    """Forward pass and loss of a training step."""

    def __init__(self, criterion, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(2)
        self.layer = torch.nn.Linear(WIDTH, CLASSES, dtype=dtype)
        self.second = torch.nn.Linear(WIDTH, CLASSES, dtype=dtype)
        self.criterion = criterion

    def forward(self, inputs, labels, **options):
        heads = [self.layer(inputs)]
        if isinstance(self.criterion, modules.TwoHeadAverageKLoss):
            heads.append(self.second(inputs))
        return self.criterion(*heads, labels, **options)


def gradients(step, function, *inputs, **options):
    """The value, and after its backward pass the gradients of the layers."""
    step.zero_grad()
    value = function(*inputs, **options)
    value.backward(torch.arange(1, value.numel() + 1).to(value).reshape(value.shape))
    return value.detach(), [parameter.grad for parameter in step.parameters()]


def inputs_of(rows, seed):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn((rows, WIDTH), generator=generator, dtype=torch.float64)
    return inputs, torch.randint(CLASSES, (rows,), generator=generator)

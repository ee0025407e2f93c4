"""Modules as objects: what they are made of, copies, and what a state_dict holds."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import numpy as np
import pytest
from torch_support import (
    CLASSES,
    COUNTS,
    MAKERS,
    WITH_CLASS_WEIGHT,
    WITHOUT,
    batch,
    call,
    each,
    modules,
    refuses,
    torch,
)

import topkloss
from topkloss.class_weights import deferred, effective_number


def test_every_loss_is_there():
    losses = {name for name in topkloss.__all__ if name.endswith("Loss")}
    assert losses < set(modules.__all__)
    assert {type(maker()).__name__ for maker in MAKERS.values()} == losses


@each
def test_modules_have_no_parameters(name):
    module = MAKERS[name]()
    assert not list(module.parameters())
    buffers = [buffer for buffer, _ in module.named_buffers()]
    assert buffers == (["threshold"] if name == "two_head_decay" else [])


@each
def test_signatures_and_documentation_are_those_of_the_losses(name):
    module = type(MAKERS[name]())
    loss = getattr(topkloss, module.__name__)
    assert inspect.signature(module) == inspect.signature(loss)
    assert module.__init__.__doc__ == loss.__doc__
    assert f"`topkloss.{module.__name__}` as a module" in module.__doc__


def test_text():
    assert (
        repr(modules.LDAMLoss(torch.tensor([3, 2]), scale=10))
        == "LDAMLoss(class_counts=<2 classes>, scale=10.0)"
    )
    assert repr(modules.CrossEntropyLoss()) == "CrossEntropyLoss()"
    assert repr(modules.TwoHeadAverageKLoss(3)) == "TwoHeadAverageKLoss(k=3.0)"


def test_a_module_may_be_derived_from():
    class Mine(modules.TopKHingeLoss):
        def __init__(self):
            super().__init__(3, reduction="sum")

    logits, labels = batch()
    assert Mine().loss.k == 3
    assert Mine()(logits, labels) == modules.TopKHingeLoss(3, reduction="sum")(logits, labels)


@each
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies(name, duplicate):
    module = MAKERS[name]()
    logits, labels = batch()
    call(module)(logits, labels)
    twin = duplicate(module)
    assert type(twin) is type(module)
    assert repr(twin) == repr(module)
    expected = call(copy.deepcopy(module))(logits, labels)
    assert torch.equal(call(twin)(logits, labels), expected)


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
    stateful = {"noised", "exact", "two_head_decay"}
    assert any("criterion" in key for key in model.state_dict()) == (name in stateful)


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


# Class weights that change


@pytest.mark.parametrize("name", WITH_CLASS_WEIGHT)
def test_setting_class_weights(name):
    logits, labels = batch()
    weights = effective_number(COUNTS)
    module, weighted = MAKERS[name](), MAKERS[name](class_weight=weights)
    plain = module(logits, labels)
    for given in (weights, torch.from_numpy(weights.copy()), weights.tolist()):
        module.set_class_weight(given)
        assert repr(module) == repr(weighted)
        assert torch.equal(module(logits, labels), weighted(logits, labels))
        twin = pickle.loads(pickle.dumps(module))
        assert torch.equal(twin(logits, labels), weighted(logits, labels))
    module.set_class_weight(None)
    assert module.loss.class_weight is None
    assert torch.equal(module(logits, labels), plain)


@pytest.mark.parametrize("name", WITHOUT)
def test_losses_without_class_weights(name):
    assert not hasattr(MAKERS[name](), "set_class_weight")


def test_deferred_weights():
    weights = effective_number(COUNTS)
    criterion = modules.LDAMLoss(COUNTS)
    weighted = []
    for epoch in range(5):
        criterion.set_class_weight(deferred(weights, epoch=epoch, start=3))
        weighted.append(criterion.loss.class_weight is not None)
    assert weighted == [False, False, False, True, True]


def test_bad_class_weights_change_nothing():
    logits, labels = batch()
    module = modules.LogitAdjustedLoss(COUNTS, class_weight=np.arange(CLASSES))
    before = module(logits, labels)
    refuses(lambda: module.set_class_weight([1, 2]), "SIZE", "class_weight has 2 classes")
    refuses(lambda: module.set_class_weight(-np.ones(CLASSES)), "OPTION", "class_weight[0] is -1")
    refuses(lambda: module.set_class_weight(np.ones((CLASSES, 1))), "SIZE", "one dimension")
    assert torch.equal(module(logits, labels), before)


@pytest.mark.parametrize("steps", [0, 7, (1 << 63) + 5, (1 << 64) - 1])
def test_the_count_of_calls_is_kept_whatever_it_is(steps):
    """Up to its end, and in the CPU's memory whatever PyTorch's default device is."""
    module, other = MAKERS["noised"](), MAKERS["noised"]()
    module.loss._steps.next = steps
    with torch.device("meta"):
        state = module.state_dict()
    assert {value.device.type for value in state.values()} == {"cpu"}
    other.load_state_dict(state)
    assert other.loss._steps.next == steps


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_module_that_is_made_in_inference_mode_is_compiled():
    logits, labels = batch()
    with torch.inference_mode():
        module = MAKERS["noised"]()
    assert not module._ticket.is_inference()
    torch._dynamo.reset()
    value = torch.compile(module, fullgraph=True, backend="aot_eager")(logits, labels)
    assert torch.equal(value, MAKERS["noised"]()(logits, labels))

"""Modules as objects: what they are made of, copies, and what a state_dict holds."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import numpy as np
import pytest
from torch_support import (
    AVERAGING,
    CLASSES,
    COUNTS,
    MAKERS,
    NOISED,
    WAYS,
    batch,
    call,
    each,
    modules,
    refuses,
    torch,
)

import topkloss
from topkloss.class_weights import deferred, effective_number

WEIGHTED = [name for name, make in MAKERS.items() if hasattr(make().loss, "class_weight")]


def test_every_loss_is_there():
    losses = {name for name in topkloss.__all__ if name.endswith("Loss")}
    assert losses < set(modules.__all__)
    assert {type(maker()).__name__ for maker in MAKERS.values()} == losses


def test_modules_have_no_parameters():
    for name, make in MAKERS.items():
        module = make()
        assert not list(module.parameters())
        buffers = [buffer for buffer, _ in module.named_buffers()]
        assert buffers == (["threshold"] if name == AVERAGING else [])


def test_classes_are_those_of_the_losses():
    """By name, signature and documentation; and where pickles look for them."""
    for make in MAKERS.values():
        module = type(make())
        loss = getattr(topkloss, module.__name__)
        *options, check, inplace = inspect.signature(module).parameters.values()
        assert options == [*inspect.signature(loss).parameters.values()]
        for name, own in {"check": check, "inplace": inplace}.items():
            assert (own.name, own.kind, own.default) == (name, own.KEYWORD_ONLY, False)
        assert module.__init__.__doc__ == loss.__doc__
        first, _, rest = module.__doc__.partition("\n\n")
        assert first == f"`topkloss.{module.__name__}` as a module."
        text, arguments = loss.__doc__.split("\n\nArgs:\n")
        assert rest.startswith(text)
        assert arguments.split("\n\n")[0] in rest
        assert module.__module__ == "topkloss.torch"
        assert module.__qualname__ == module.__name__
        assert module.__annotations__["loss"] is loss
        assert isinstance(make().loss, loss)
    assert "    threshold: With threshold_decay above 0" in modules.TwoHeadAverageKLoss.__doc__
    assert "    loss: The loss of the same name" in modules.TwoHeadAverageKLoss.__doc__
    assert "kept in the state_dict as extra state" in modules.NoisedTopKLoss.__doc__


def test_text():
    assert (
        repr(modules.LDAMLoss(torch.tensor([3, 2]), scale=10))
        == "LDAMLoss(class_counts=<2 classes>, scale=10.0)"
    )
    assert repr(modules.CrossEntropyLoss()) == "CrossEntropyLoss()"
    assert repr(modules.FocalLoss(1, inplace=True)) == "FocalLoss(gamma=1.0, inplace=True)"
    assert repr(modules.TwoHeadAverageKLoss(3)) == "TwoHeadAverageKLoss(k=3.0)"


def test_a_module_may_be_derived_from():
    class Mine(modules.TopKHingeLoss):
        def __init__(self):
            super().__init__(3, reduction="sum")

    logits, labels = batch()
    assert Mine().loss.k == 3
    assert Mine()(logits, labels) == modules.TopKHingeLoss(3, reduction="sum")(logits, labels)


def pickled(module):
    return pickle.loads(pickle.dumps(module))


@each
def test_copies(name):
    module = MAKERS[name]()
    logits, labels = batch()
    call(module)(logits, labels)
    expected = call(copy.deepcopy(module))(logits, labels)
    for duplicate in (copy.copy, copy.deepcopy, pickled):
        original = copy.deepcopy(module)  # which a copy shares buffers with
        twin = duplicate(original)
        assert type(twin) is type(module)
        assert repr(twin) == repr(module)
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


@pytest.mark.parametrize("name", WAYS)
def test_state_of_a_model_with_a_loss(name):
    model = torch.nn.Sequential(torch.nn.Linear(3, CLASSES))
    model.criterion = MAKERS[name]()
    twin = copy.deepcopy(model)
    twin.load_state_dict(model.state_dict())
    stateful = name in (NOISED, AVERAGING)
    assert any("criterion" in key for key in model.state_dict()) == stateful


@pytest.mark.parametrize("name", WAYS)
def test_checkpoints_of_other_losses_in_the_same_place(name):
    """Of losses without state, or with another's: the rest of the model is still checked."""
    model, other = torch.nn.Linear(3, CLASSES), torch.nn.Linear(3, CLASSES)
    model.criterion = MAKERS[name]()
    before = copy.deepcopy(model.criterion.state_dict())
    for criterion in (torch.nn.CrossEntropyLoss(), *(MAKERS[way]() for way in WAYS)):
        other.criterion = criterion
        model.load_state_dict(other.state_dict(), strict=True)
        assert torch.equal(model.weight, other.weight)
        assert model.criterion.state_dict() == before
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict({}, strict=True)
    with pytest.raises(RuntimeError, match="Unexpected key"):
        model.load_state_dict({**other.state_dict(), "criterion.weight": before}, strict=True)


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


@pytest.mark.parametrize("name", WEIGHTED)
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


def test_losses_without_class_weights():
    assert 0 < len(WEIGHTED) < len(MAKERS)
    for name, make in MAKERS.items():
        assert hasattr(make(), "set_class_weight") == (name in WEIGHTED)


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
    module, other = MAKERS[NOISED](), MAKERS[NOISED]()
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
        module = MAKERS[NOISED]()
    assert not module._ticket.is_inference()
    torch._dynamo.reset()
    value = torch.compile(module, fullgraph=True, backend="aot_eager")(logits, labels)
    assert torch.equal(value, MAKERS[NOISED]()(logits, labels))

"""Losses inside `torch.compile`: one graph, the values and gradients of eager mode."""

from __future__ import annotations

import copy
import gc
import io
import pickle

import pytest
from torch_graphs import (
    OPERATORS,
    WARNINGS,
    Step,
    compiled,
    each_operator,
    gradients,
    graphs,
    inputs_of,
    no_recompilation,
    nothing_compiled,
)
from torch_support import (
    AVERAGING,
    CLASSES,
    COUNTS,
    COUPLED,
    MAKERS,
    NOISED,
    ONE_HEAD,
    TWO_HEADS,
    batch,
    call,
    modules,
    torch,
)

__all__ = ["nothing_compiled"]

pytestmark = WARNINGS


@pytest.mark.parametrize(
    ("name", "reduction"), [*OPERATORS, (COUPLED, "mean"), (TWO_HEADS, "none")]
)
def test_one_graph_with_the_answers_of_eager_mode(name, reduction):
    eager, step = Step(MAKERS[name](reduction=reduction)), Step(MAKERS[name](reduction=reduction))
    function = compiled(step)
    before = graphs()
    # The last batch of an epoch is smaller, and after that its size is no constant.
    for seed, rows in enumerate((6, 4, 9)):
        batch = inputs_of(rows, seed)
        found = gradients(step, function, *batch)
        torch.testing.assert_close(found, gradients(eager, eager, *batch), rtol=1e-12, atol=1e-13)
    assert graphs() - before == 2
    assert step.state_dict().keys() == eager.state_dict().keys()
    for found, expected in zip(
        step.state_dict().values(), eager.state_dict().values(), strict=True
    ):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(("name", "reduction"), [(COUPLED, "none"), (AVERAGING, "mean")])
def test_inductor(name, reduction):
    eager, step = Step(MAKERS[name](reduction=reduction)), Step(MAKERS[name](reduction=reduction))
    inputs, labels = inputs_of(6, 0)
    torch._dynamo.mark_dynamic(inputs, 0)
    torch._dynamo.mark_dynamic(labels, 0)
    function = compiled(step, "inductor")
    found = gradients(step, function, inputs, labels)
    torch.testing.assert_close(found, gradients(eager, eager, inputs, labels))
    with no_recompilation():
        for rows in (7, 3):
            batch = inputs_of(rows, rows)
            found = gradients(step, function, *batch)
            torch.testing.assert_close(found, gradients(eager, eager, *batch))


def test_a_whole_training_run():
    """The parameters after a few steps of Adam."""
    weights = []
    for compile_it in (False, True):
        step = Step(modules.NoisedTopKLoss(3, seed=4), torch.float32)
        optimizer = torch.optim.Adam(step.parameters(), lr=0.05)
        forward = compiled(step, "inductor") if compile_it else step
        for seed in range(4):
            inputs, labels = inputs_of(8, seed)
            optimizer.zero_grad()
            forward(inputs.float(), labels).backward()
            optimizer.step()
        weights.append(step.layer.weight.detach().clone())
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)
    initial = Step(modules.NoisedTopKLoss(3)).layer.weight.float()
    assert (weights[0] - initial).abs().max() > 0.01


def test_no_breaks_are_counted():
    explained = torch._dynamo.explain(Step(MAKERS[NOISED]()))(*inputs_of(6, 0))
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)


def test_evaluation_without_gradients():
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch()
    function = compiled(module)
    with torch.no_grad():
        value = function(logits, labels)
    assert not value.requires_grad
    assert torch.equal(value, module(logits, labels).detach())
    constant = function(logits.detach(), labels)
    assert not constant.requires_grad
    trained = function(logits, labels)
    assert torch.equal(
        torch.autograd.grad(trained, logits)[0],
        torch.autograd.grad(module(logits, labels), logits)[0],
    )


def test_one_frozen_head():
    module = MAKERS[TWO_HEADS]()
    logits, labels = batch()
    second = batch(seed=8)[0].detach()
    value = compiled(module)(logits, second, labels)
    expected = module(logits, second, labels)
    assert torch.equal(
        torch.autograd.grad(value, logits)[0], torch.autograd.grad(expected, logits)[0]
    )


# Arguments other than logits and labels


@each_operator
def test_sample_weight(name, reduction):
    eager, step = Step(MAKERS[name](reduction=reduction)), Step(MAKERS[name](reduction=reduction))
    inputs, labels = inputs_of(6, 3)
    weight = torch.arange(6.0)
    found = gradients(step, compiled(step), inputs, labels, sample_weight=weight)
    expected = gradients(eager, eager, inputs, labels, sample_weight=weight)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


def test_noise_of_the_callers():
    module = modules.NoisedTopKLoss(3, n_samples=4)
    logits, labels = batch()
    noise = torch.randn(6, 4, CLASSES, dtype=torch.float64)
    assert torch.equal(
        compiled(module)(logits, labels, noise=noise), module(logits, labels, noise=noise)
    )
    assert module.loss._steps.next == 0


@pytest.mark.parametrize("step", [0, (1 << 63) + 5, (1 << 64) - 1, torch.tensor(4)], ids=str)
def test_step_of_the_callers(step):
    module = MAKERS[NOISED]()
    logits, labels = batch()
    assert torch.equal(
        compiled(module)(logits, labels, step=step), module(logits, labels, step=step)
    )
    assert module.loss._steps.next == 0


def test_a_step_of_the_callers_that_counts_up_is_no_constant():
    module = MAKERS[NOISED]()
    logits, labels = batch()
    function = compiled(module)
    before = graphs()
    found = [function(logits, labels, step=step).item() for step in range(2, 12)]
    assert found == [module(logits, labels, step=step).item() for step in range(2, 12)]
    assert graphs() - before == 2


# The counter of steps


def test_each_call_in_a_graph_has_noise_of_its_own():
    """Equal calls are neither merged, nor swapped, nor dropped where nothing uses their values."""
    module, eager = MAKERS[NOISED](), MAKERS[NOISED]()
    logits, labels = batch()

    def thrice(criterion):
        first = criterion(logits, labels)
        criterion(logits, labels)
        return first + 10 * criterion(logits, labels)

    function = compiled(lambda: thrice(module), "inductor")
    for _ in range(3):
        torch.testing.assert_close(function(), thrice(eager), rtol=1e-14, atol=0)
    assert module.loss._steps.next == eager.loss._steps.next == 9


def test_steps_are_those_of_eager_mode_and_of_the_loss():
    module, eager = MAKERS[NOISED](), MAKERS[NOISED]()
    logits, labels = batch()
    function = compiled(module)
    found = [
        function(logits, labels).item(),
        module(logits, labels).item(),
        module.loss(logits.detach(), labels),
        function(logits, labels).item(),
    ]
    assert found == [eager(logits, labels).item() for _ in range(4)]
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    fresh = MAKERS[NOISED]()
    fresh.load_state_dict(torch.load(file, weights_only=True))
    with no_recompilation():
        value = function(logits, labels)
    assert torch.equal(compiled(fresh)(logits, labels), value)


# Modules as objects


def test_new_class_weights_need_no_new_graph():
    module = MAKERS[ONE_HEAD]()
    logits, labels = batch()
    function = compiled(module)
    function(logits, labels)
    values = set()
    with no_recompilation():
        for weights in (COUNTS, None, 1 / COUNTS):
            module.set_class_weight(weights)
            value = function(logits, labels)
            torch.testing.assert_close(value, module(logits, labels))
            values.add(value.item())
    assert len(values) == 3


def pickled(module):
    return pickle.loads(pickle.dumps(module))


@pytest.mark.parametrize(
    ("name", "duplicate"),
    [
        *[(ONE_HEAD, copy.copy), (ONE_HEAD, pickled), (NOISED, copy.deepcopy), (NOISED, pickled)],
        *[(COUPLED, copy.copy), (AVERAGING, copy.deepcopy), (AVERAGING, pickled)],
    ],
)
def test_copies_are_themselves(name, duplicate):
    """A copy is not taken for its original, even where both run through one graph."""
    module = MAKERS[name]()
    twin = duplicate(module)
    if hasattr(module, "set_class_weight"):
        twin.set_class_weight(COUNTS)
    logits, labels = batch()

    def value(criterion):
        return call(criterion)(logits, labels)

    function = compiled(value)
    expected = value(copy.deepcopy(module))
    assert torch.equal(function(module), expected)
    expected = value(copy.deepcopy(twin))
    with no_recompilation():
        assert torch.equal(function(twin), expected)


def test_whole_modules_are_saved():
    step = Step(MAKERS[NOISED]())
    batch = inputs_of(6, 0)
    compiled(step)(*batch)
    file = io.BytesIO()
    torch.save(step, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(compiled(loaded)(*batch), step(*batch))


def test_a_graph_keeps_no_module_alive_and_says_so():
    logits, labels = batch(requires_grad=False)
    module = modules.CrossEntropyLoss()
    exported = torch.export.export(module, (logits, labels)).module()
    assert torch.equal(exported(logits, labels), module(logits, labels))
    del module
    gc.collect()
    with pytest.raises(RuntimeError, match="calls a topkloss module that does not exist"):
        exported(logits, labels)

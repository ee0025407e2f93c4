"""Losses inside `torch.compile`: one graph, the values and gradients of eager mode."""

from __future__ import annotations

import copy
import gc
import io
import pickle

import pytest
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
    refuses,
    torch,
)

# What PyTorch's own compiler warns of, the oldest that is promised of more.
pytestmark = [
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
def _fresh(monkeypatch, tmp_path):
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


# What is refused


@pytest.mark.parametrize(
    ("name", "reduction", "backend"),
    [*[(*operator, "aot_eager") for operator in OPERATORS], (ONE_HEAD, "none", "eager")],
)
def test_no_second_derivative(name, reduction, backend):
    logits, labels = batch()
    module = call(MAKERS[name](reduction=reduction))
    value = compiled(lambda: module(logits, labels).sum(), backend)()

    def penalty():
        gradient = torch.autograd.grad(value, logits, create_graph=True)[0]
        (value.detach() + (gradient**2).sum()).backward()

    # In PyTorch's own words where its graphs are in the way, the last ones those of 2.6.
    words = r"differentiated only once|support double backward|does not require grad"
    with pytest.raises(RuntimeError, match=words):
        penalty()


def test_bad_input_is_refused_in_words():
    logits, labels = batch()
    for arguments, status, words in (
        ((logits, labels + CLASSES), "LABEL", "labels[0] is"),
        ((logits, labels[:-1]), "SIZE", "with 6 rows of logits it must be (6,)"),
        ((logits[0].detach(), labels), "SIZE", "logits has shape (21,)"),
        ((logits.long(), labels), "ENUMERATOR", "logits has dtype torch.int64"),
        ((logits, labels.double()), "ENUMERATOR", "class indices must be integers"),
    ):
        torch._dynamo.reset()
        refuses(lambda arguments=arguments: compiled(MAKERS[ONE_HEAD]())(*arguments), status, words)


# The operator


@pytest.mark.parametrize(
    ("options", "backend"),
    [
        ({}, "inductor"),
        ({"estimator": "monte_carlo", "seed": (1 << 64) - 3, "step": 9}, "aot_eager"),
    ],
    ids=str,
)
def test_noised_topk(options, backend):
    scores, _ = batch(12)

    def value(x, epsilon):
        return modules.noised_topk(x.reshape(3, 4, CLASSES), 3, epsilon, **options)

    function = compiled(value, backend)
    for epsilon in (0.3, 0.4, 0.5):
        found, expected = function(scores, epsilon), value(scores, epsilon)
        torch.testing.assert_close(found, expected, rtol=1e-14, atol=0)
        upstream = torch.randn(3, 4, dtype=torch.float64)
        torch.testing.assert_close(
            torch.autograd.grad(found, scores, upstream),
            torch.autograd.grad(expected, scores, upstream),
        )


def test_noised_topk_with_noise():
    scores, _ = batch(12)
    noise = torch.randn(3, 4, 6, CLASSES, dtype=torch.float64)

    def value(x):
        return modules.noised_topk(
            x.reshape(3, 4, -1), 2, estimator="monte_carlo", n_samples=6, noise=noise
        )

    torch.testing.assert_close(compiled(value)(scores), value(scores))


@pytest.mark.parametrize(
    ("name", "reduction", "backend"),
    [
        *[(*operator, "aot_eager") for operator in OPERATORS],
        *[(ONE_HEAD, "mean", "eager"), (ONE_HEAD, "mean", "inductor")],
    ],
)
def test_constants_that_require_a_gradient(name, reduction, backend):
    """As in eager mode: there is none, so one that is asked for must not be lost."""
    logits, labels = batch()
    module = call(MAKERS[name](reduction=reduction))
    theta = torch.zeros(6, requires_grad=True)
    function = compiled(
        lambda x: module(x, labels, sample_weight=torch.sigmoid(theta)).sum(), backend
    )
    refuses(lambda: function(logits).backward(), "OPTION", "sample_weight requires a gradient")
    with torch.no_grad():
        expected = module(logits, labels, sample_weight=torch.sigmoid(theta)).sum()
    if name not in (NOISED, AVERAGING):
        with torch.no_grad():
            torch.testing.assert_close(function(logits), expected)


def test_noise_that_requires_a_gradient():
    logits, labels = batch()
    noise = torch.randn(6, 5, CLASSES, dtype=torch.float64, requires_grad=True)
    module = MAKERS[NOISED]()
    function = compiled(lambda x: module(x, labels, noise=noise))
    refuses(lambda: function(logits), "OPTION", "noise requires a gradient")
    function = compiled(
        lambda x: modules.noised_topk(x, 3, estimator="monte_carlo", noise=2 * noise).sum()
    )
    refuses(lambda: function(logits), "OPTION", "noise requires a gradient")


@pytest.mark.parametrize(
    ("step", "backend"),
    [
        *[(1 << 64, "aot_eager"), (-1, "eager"), (2.7, "aot_eager")],
        *[(torch.tensor(4.7), "eager"), (torch.tensor(-1), "aot_eager")],
        (torch.tensor([1, 2]), "aot_eager"),
    ],
    ids=str,
)
def test_steps_that_eager_mode_refuses(step, backend):
    logits, labels = batch()
    module = MAKERS[NOISED]()
    functions = [module, compiled(module, backend)]
    if not isinstance(step, torch.Tensor):
        functions += [
            lambda x, _, step: modules.noised_topk(x, 3, estimator="monte_carlo", step=step),
            compiled(
                lambda x, _, step: modules.noised_topk(x, 3, estimator="monte_carlo", step=step),
                backend,
            ),
        ]
    for function in functions:
        refuses(lambda function=function: function(logits, labels, step=step), "OPTION", "step is")


def test_arguments_of_the_operator_that_eager_mode_refuses():
    scores, _ = batch(12)
    noise = torch.randn(4, 3, 5, CLASSES, dtype=torch.float64)

    def value(x, **options):
        return modules.noised_topk(x.reshape(3, 4, CLASSES), 3, estimator="monte_carlo", **options)

    for options, status, words in (
        ({"seed": -1}, "OPTION", "seed is -1; it must be from 0 to 18446744073709551615"),
        ({"seed": 0.5}, "OPTION", "seed is 0.5; it must be an integer"),
        ({"seed": 1.5}, "OPTION", "seed is 1.5; it must be an integer"),
        ({"seed": -7}, "OPTION", "seed is -7"),
        ({"noise": noise}, "SIZE", "noise has shape (4, 3, 5, 21);"),
        ({"noise": noise}, "SIZE", "it must be (3, 4, 5, 21)"),
        ({"noise": noise[0, 0]}, "SIZE", "noise has shape (5, 21)"),
    ):
        for function in (value, compiled(value)):
            refuses(
                lambda function=function, options=options: function(scores, **options).sum(),
                status,
                words,
            )


@pytest.mark.parametrize("name", [ONE_HEAD, TWO_HEADS])
def test_a_graph_that_was_exported_without_gradients_says_so(name):
    logits, labels = batch(requires_grad=False)
    module = MAKERS[name]()
    heads = (logits, logits + 1)[: module.loss._traits.heads]
    exported = torch.export.export(module, (*heads, labels)).module()
    torch.testing.assert_close(exported(*heads, labels), module(*heads, labels))
    value = exported(*(head.clone().requires_grad_() for head in heads), labels)
    with pytest.raises(RuntimeError, match="traced with logits that required no gradient"):
        value.backward()

"""What losses refuse inside `torch.compile`, in the words of eager mode; and the operator there."""

from __future__ import annotations

import pytest
from torch_graphs import (
    OPERATORS,
    WARNINGS,
    compiled,
    nothing_compiled,
)
from torch_support import (
    AVERAGING,
    CLASSES,
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

__all__ = ["nothing_compiled"]

pytestmark = WARNINGS


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
        ((logits, labels[:-1]), "SIZE", "for the rows of these logits it must be (6,)"),
        ((logits[0, 0].detach(), labels), "SIZE", "logits has shape ()"),
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

"""Records of losses: their options and defaults are the header's; what is made of them."""

from __future__ import annotations

import inspect
import itertools
import re

import pytest

import topkloss
from topkloss import _abi
from topkloss._arguments import AVERAGES, TEACHERS, WORDS, Binding
from topkloss._noised_topk_operator import NoisedTopKOperator
from topkloss._records import LOSSES

KINDS = {**LOSSES, NoisedTopKOperator._kind: NoisedTopKOperator}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_options(kind):
    members = {name for name, _ in _abi.LOSS_OPTIONS[kind]._fields_}
    # Python says with one word, or vector, what C says with two members.
    members.discard("teacher_rule")
    counted = {"struct_size", "classes", *filter(lambda name: "reserved" in name, members)}
    assert set(KINDS[kind]._options) == members - counted


@kinds
def test_defaults(kind):
    """What is None is left to the library; what has no default here has none there."""
    defaults = _abi.DEFAULTS[f"{kind}_options"]
    for name, option in KINDS[kind]._options.items():
        if option.default is inspect.Parameter.empty:
            assert name not in defaults
        elif name == "teacher":
            assert TEACHERS[option.default] == defaults["teacher_rule"]
        elif option.default is not None:
            assert WORDS.get(name, {}).get(option.default, option.default) == defaults[name], name


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (topkloss.noised_topk, "noised_topk_operator_options"),
        (topkloss.noised_topk_vjp, "noised_topk_operator_options"),
        (topkloss.posthoc.logit_adjust, "logit_adjust_options"),
        (topkloss.metrics.topk_accuracy, "topk_accuracy_options"),
        (topkloss.metrics.average_k_accuracy, "average_k_accuracy_options"),
        (topkloss.metrics.shot_accuracy, "shot_accuracy_options"),
        (topkloss.metrics.TopKAccuracy, "topk_accuracy_options"),
        (topkloss.conformal.thresholds, "conformal_options"),
    ],
)
def test_defaults_of_functions(function, options):
    # Arrays know their length and strides.
    known = re.compile("classes|.*_stride")
    defaults = {n: value for n, value in _abi.DEFAULTS[options].items() if not known.fullmatch(n)}
    parameters = inspect.signature(function).parameters
    assert parameters.keys() >= defaults.keys()
    words = {**WORDS, "average": AVERAGES, "method": topkloss.conformal.METHODS}
    for name, default in defaults.items():
        said = parameters[name].default
        assert words.get(name, {}).get(said, said) == default, name


def test_every_struct_of_options_has_a_record():
    assert set(KINDS) == set(_abi.LOSS_OPTIONS)


@kinds
def test_every_option_is_documented(kind):
    described = KINDS[kind].__doc__
    for name in KINDS[kind]._options if kind in LOSSES else ():
        assert f"\n    {name}: " in described, name


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_says_what_to_tune(kind):
    """And over which values: numbers, or the words of an option."""
    said = paragraph_of(kind, "To tune")
    assert re.search(r"over \d|method first|nothing of its own|multiply one vector", said), said


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_says_what_goes_wrong(kind):
    """What a wrong constant looks like, and what the loss is not for."""
    assert re.search("too (small|far|much|large)|pushed", paragraph_of(kind, "What goes wrong"))
    assert len(paragraph_of(kind, "Not for")) > 40


def paragraph_of(kind, heading):
    _, _, said = LOSSES[kind].__doc__.partition(f"\n\n{heading}: ")
    return " ".join(said.partition("\n\n")[0].split())


def test_binding_is_pythons_own():
    def function(a, b=1, *, c, d=2): ...

    signature = inspect.signature(function)
    binding = Binding(signature.parameters.values())
    for count, *names in itertools.product(range(4), *[[None, name] for name in "abcde"]):
        arguments = tuple(range(10, 10 + count))
        named = {name: ord(name) for name in names if name}
        try:
            bound = signature.bind(*arguments, **named)
        except TypeError as error:
            with pytest.raises(TypeError, match=str(error)):
                binding(arguments, named)
        else:
            bound.apply_defaults()
            assert [*binding(arguments, named).items()] == [*bound.arguments.items()]

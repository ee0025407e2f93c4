"""The options of the records are the header's, and so are their defaults."""

from __future__ import annotations

import inspect

import pytest

from topkloss import _abi
from topkloss._arguments import WORDS
from topkloss._noised_topk_operator import NoisedTopKOperator
from topkloss._records import LOSSES

KINDS = {**LOSSES, NoisedTopKOperator._kind: NoisedTopKOperator}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_options(kind):
    members = {name for name, _ in _abi.LOSS_OPTIONS[kind]._fields_}
    counted = {"struct_size", "classes", *filter(lambda name: "reserved" in name, members)}
    assert set(KINDS[kind]._options) == members - counted


@kinds
def test_defaults(kind):
    """What is None is left to the library; what has no default here has none there."""
    defaults = _abi.DEFAULTS[f"{kind}_options"]
    for name, option in KINDS[kind]._options.items():
        if option.default is inspect.Parameter.empty:
            assert name not in defaults
        elif option.default is not None:
            assert WORDS.get(name, {}).get(option.default, option.default) == defaults[name], name


def test_every_struct_of_options_has_a_record():
    assert set(KINDS) == set(_abi.LOSS_OPTIONS)

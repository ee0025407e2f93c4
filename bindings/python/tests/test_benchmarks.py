"""The benchmark compares like with like: its formulations in PyTorch give our numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pairwise import pairwise

pytest.importorskip("torch")
pytest.importorskip("pytopk")

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import bars, timing
from benchmarks.agreement import DisagreementError, check
from benchmarks.lines import Line
from benchmarks.losses import BY_NAME, LOSSES, evaluation
from benchmarks.peers import COMPILE, EAGER, PYTOPK, Peer, peers_of
from benchmarks.problems import DTYPES, Size


@pairwise(loss=LOSSES, dtype=tuple(DTYPES), rows=("untrained", "trained", "confident"))
def test_peers_give_our_answer(loss, dtype, rows):
    for problem in loss.problems(Size(6, 37), dtype, rows):
        for peer in peers_of(loss, problem, (EAGER, PYTOPK)):
            check(loss, problem, peer, evaluation(loss, problem))


def test_a_disagreement_is_noticed():
    loss = BY_NAME["cross_entropy"]
    (problem,) = loss.problems(Size(6, 37))
    (peer,) = peers_of(loss, problem, (EAGER,))

    def wrong_value():
        value, gradient = peer.run()
        return value * 1.01, gradient

    def wrong_gradient():
        value, gradient = peer.run()
        return value, gradient * 1.01

    for wrong in (wrong_value, wrong_gradient):
        with pytest.raises(DisagreementError):
            check(loss, problem, Peer(EAGER, wrong), evaluation(loss, problem))


def test_ratios_are_theirs_divided_by_ours():
    found = timing.in_turn(lambda: sum(range(1000)), lambda: sum(range(20_000)), 0.02)
    assert found.theirs > found.ours
    assert found.ratio > 1
    assert found.best > 1


def line(against, figure):
    return Line("peers", "", "untrained", "float32", "", against, 1, figure, "ms", figure)


def test_the_faster_of_pytorchs_two_ways_has_the_bar():
    eager, compiled = line(EAGER, 6.0), line(COMPILE, 4.0)
    bars.set_bars(BY_NAME["ldam"], Size(256, 1000), [eager, compiled])
    assert eager.met is None
    assert compiled.bar == 5
    assert compiled.met is False

"""The example's own parts against the demo's, and the program in quick mode."""

from __future__ import annotations

import functools
import importlib.util
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import CLASS_WEIGHTED, parse
from comparison import HashedCities
from criteria import CRITERIA, criterion_of, method_of
from data import load_cities, split_cities, thin_out
from features import BUCKETS, hash_names
from loop import Options, Timing, train
from losses import METHODS
from model import CityModel
from network import Bags, Network
from rich.console import Console
from settings import Settings
from table import Result, table_of
from topkloss.class_weights import effective_number
from topkloss.torch import LDAMLoss
from torch import nn

HERE = Path(__file__).resolve().parent
NAMES = ["Paris", "San José", "Warszawa", "Springfield", "Łódź"]


@pytest.mark.parametrize("normalized", [False, True])
def test_the_network_is_the_demos(normalized: bool) -> None:
    """The same logits from the same parameters."""
    theirs = CityModel(BUCKETS, 7, normalized=normalized, seed=3)
    network = Network(BUCKETS, 7, normalized=normalized)
    state = {name: torch.from_numpy(value) for name, value in theirs.state().items()}
    parameters = {
        "bag.weight": state["embedding"],
        "rest.hidden.weight": state["hidden_weight"].t(),
        "rest.hidden.bias": state["hidden_bias"],
    }
    if normalized:
        parameters["rest.heads.0.weight"] = state["head_weight"]
    else:
        parameters["rest.heads.0.weight"] = state["head_weight"].t()
        parameters["rest.heads.0.bias"] = state["head_bias"]
    network.load_state_dict(parameters)
    features = hash_names(NAMES)
    np.testing.assert_allclose(
        network.logits(features), theirs.scores(features), rtol=1e-4, atol=1e-5
    )
    (logits,) = network(Bags.of(features))
    assert logits.requires_grad


def test_the_spread_of_the_first_weights_is_the_demos() -> None:
    torch.manual_seed(0)
    for normalized in (False, True):
        theirs = CityModel(BUCKETS, 50, normalized=normalized, seed=3).state()
        ours = Network(BUCKETS, 50, normalized=normalized).state_dict()
        for name, key in (("embedding", "bag.weight"), ("hidden_weight", "rest.hidden.weight")):
            assert ours[key].std().item() == pytest.approx(theirs[name].std(), rel=0.05)
        head = ours["rest.heads.0.weight"].std().item()
        assert head == pytest.approx(theirs["head_weight"].std(), rel=0.05)


def test_every_loss_of_the_demo_is_here_with_its_constant() -> None:
    assert set(CRITERIA) == {name for name, each in METHODS.items() if each.trained_as is None}
    counts = np.array([900, 80, 40, 30, 20, 10, 3])
    rng = np.random.default_rng(0)
    for name in CRITERIA:
        method, heads = method_of(name), method_of(name).heads
        outputs = rng.uniform(-1, 1, (5, heads * 7)).astype(np.float32)
        labels = rng.integers(0, 7, 5)
        theirs, _ = method.loss(counts).value_and_grad(outputs, labels, out=outputs.copy())
        logits = torch.from_numpy(outputs).chunk(heads, dim=1)
        value = criterion_of(name, counts)(*logits, torch.from_numpy(labels))
        assert value.item() == pytest.approx(theirs, rel=1e-5), name


@functools.cache
def some_cities(share: float = 0.02) -> HashedCities:
    """A few thousand names to train on, of all countries."""
    return HashedCities.of(split_cities(thin_out(load_cities(), share, 0), 0).training)


def trained(
    name: str, options: Options, epochs: int = 1, share: float = 0.02, batch_size: int = 64
) -> tuple[Network, nn.Module, Timing]:
    cities, features = some_cities(share).cities, some_cities(share).features
    torch.manual_seed(0)
    method = method_of(name)
    network = Network(
        BUCKETS, len(cities.countries), heads=method.heads, normalized=method.normalized
    )
    criterion = criterion_of(name, cities.counts())
    rows: list[int] = []

    def after_batch(batch: int, _: float) -> None:
        rows.append(batch)

    settings = replace(Settings(), epochs=epochs, batch_size=batch_size)
    timing = train(network, criterion, features, cities.labels, settings, options, after_batch)
    assert sum(rows) == epochs * len(cities.names)
    return network, criterion, timing


@pytest.mark.parametrize("name", CRITERIA)
def test_training_lowers_every_loss(name: str) -> None:
    network, criterion, timing = trained(name, Options())
    assert 0 < timing.loss < timing.step < timing.seconds
    method = method_of(name)
    torch.manual_seed(0)
    fresh = Network(
        BUCKETS,
        len(some_cities().cities.countries),
        heads=method.heads,
        normalized=method.normalized,
    )
    labels = torch.from_numpy(some_cities().cities.labels)
    bags = Bags.of(some_cities().features)
    with torch.no_grad():
        before, after = (criterion(*each(bags), labels).item() for each in (fresh, network))
    assert after < before


def test_timing_leaves_the_training_as_it_is() -> None:
    """Noise and all: the parameters after two runs are the same."""
    (one, _, _), (other, _, _) = (trained("noised-top5", Options()) for _ in range(2))
    assert torch.equal(one.rest.hidden.weight, other.rest.hidden.weight)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["noised-top5", "two-head"])
def test_a_compiled_training_ends_where_the_other_does(name: str) -> None:
    torch.compiler.reset()
    (plain, _, _), (compiled, _, _) = (
        trained(name, Options(compiled=compiled)) for compiled in (False, True)
    )
    torch.testing.assert_close(
        compiled.rest.hidden.weight, plain.rest.hidden.weight, rtol=1e-2, atol=2e-3
    )


def test_mixed_precision_ends_near() -> None:
    (plain, _, _), (mixed, _, _) = (
        trained("ldam", Options(autocast=autocast)) for autocast in (False, True)
    )
    assert mixed.rest.hidden.weight.dtype == torch.float32
    difference = (mixed.rest.hidden.weight - plain.rest.hidden.weight).abs().mean()
    assert 0 < difference < 0.02


def test_deferred_weights() -> None:
    for drw, weighted in ((2, True), (3, False)):
        _, criterion, _ = trained("ldam", Options(drw=drw), epochs=2)
        assert isinstance(criterion, LDAMLoss)
        loss = criterion.loss
        assert (loss.class_weight is not None) == weighted
        if weighted:
            np.testing.assert_allclose(
                np.asarray(loss.class_weight), effective_number(loss.class_counts)
            )


# The program


def test_the_program_prints_its_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, since importing PyTorch once more takes longer; of fewer names."""
    specification = importlib.util.spec_from_file_location("program", HERE / "__main__.py")
    assert specification is not None
    assert specification.loader is not None
    program = importlib.util.module_from_spec(specification)
    # Its options are read before anything else.
    options = "--quick --epochs 2 --batch-size 64 --losses logit-adjusted --drw 2"
    monkeypatch.setattr("sys.argv", [str(HERE), *options.split()])
    specification.loader.exec_module(program)
    monkeypatch.setattr(program, "QUICK_SHARE", 0.1)
    monkeypatch.setenv("COLUMNS", "80")
    program.main(program.OPTIONS)
    shown = capsys.readouterr().out
    (row,) = [line for line in shown.splitlines() if re.search(r"Logit-adj.*%$", line.strip())]
    top_1, macro_1, top_5, macro_5, step, loss, share = row.split()[1:]
    # Of some 200 classes; what is re-weighted guesses common ones less often.
    assert 0.05 < float(top_1) < float(top_5) < 1
    assert 0.03 < float(macro_1) < float(macro_5) < 1
    # Of times that are printed to a hundredth and to a thousandth of a millisecond.
    assert float(share.rstrip("%")) == pytest.approx(100 * float(loss) / float(step), abs=0.3)
    assert "re-weighted from epoch 2" in shown


def test_the_table_is_whole_in_80_columns() -> None:
    """Every title and every figure on one line, at the longest that they come."""
    timing = Timing(seconds=1234.5, step=0.01234, loss=0.001155)
    titles = [method_of(name).title for name in CRITERIA]
    console = Console(width=80, file=io.StringIO())
    with console.capture() as capture:
        console.print(table_of([Result(title, 0.6, 0.1, 0.8, 0.4, timing) for title in titles]))
    lines = [line.strip() for line in capture.get().splitlines()]
    figures = ["0.600", "0.100", "0.800", "0.400", "12.34", "1.155", "9.4%"]
    for title in titles:
        (line,) = [line for line in lines if line.startswith(f"{title} ")]
        assert line.removeprefix(title).split() == figures
    for heading in ("average", "share", "(ms)"):
        assert any(heading in line for line in lines)


def test_a_softmax_loss_is_less_than_three_hundredths_of_a_step() -> None:
    """At the demo's size of batch and classes. Of three runs, since others share the machine."""
    shares: list[float] = []
    while len(shares) < 3 and min(shares, default=1.0) >= 0.03:
        shares.append(trained("ldam", Options(), share=0.2, batch_size=256)[2].share)
    assert 0 < min(shares) < 0.03


def test_help_names_every_option_and_loss() -> None:
    shown = subprocess.run(
        [sys.executable, str(HERE), "--help"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert shown.returncode == 0, shown.stderr
    # Lines are broken after hyphens.
    told = "".join(shown.stdout.split())
    for word in ("--drw", "--autocast", "--compile", "--quick", "--threads", *CRITERIA):
        assert word in told


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--losses", "hinge"], "--losses: invalid choice: 'hinge'"),
        (["--epochs", "0"], "--epochs: expected a whole number of at least 1, got '0'"),
        (["--drw", "2", "--losses", "ldam", "noised-top5"], "take no class weights: noised-top5"),
        (["--drw", "3", "--epochs", "2", "--losses", "ldam"], "--drw: there are only 2 epochs"),
        (["--drw", "3", "--quick", "--losses", "ldam"], "--drw: there are only 2 epochs"),
        (
            ["--seed", str(1 << 63)],
            "--seed: expected a whole number of at least 0 and at most 4294967295",
        ),
        (
            ["--threads", "1025"],
            "--threads: expected a whole number of at least 1 and at most 1024",
        ),
    ],
)
def test_bad_arguments_are_refused_in_plain_words(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(arguments)
    assert refused.value.code == 2
    assert complaint in capsys.readouterr().err


def test_which_losses_take_class_weights() -> None:
    counts = np.arange(1, 11)
    able = [name for name in CRITERIA if hasattr(criterion_of(name, counts), "set_class_weight")]
    assert able == list(CLASS_WEIGHTED)
    assert parse(["--losses", "all"]).losses == list(CRITERIA)

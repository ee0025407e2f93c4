"""The CIFAR-LT recipes train, report and go on, on small pictures; and the program."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from augmentation import normalized
from cifar_files import DataError, Pictures, read
from command_line import parse
from evaluation import evaluate
from long_tail import class_counts, with_long_tail
from network import ResNet
from recipes import RECIPES
from schedule import Schedule
from topkloss.class_weights import effective_number
from topkloss.metrics import topk_accuracy
from topkloss.posthoc import logit_adjust
from training import Run, train_epoch

ABOUT = {"recipe": "some", "seed": 0}


def trained(
    name: str,
    pictures: Pictures,
    epochs: int,
    before: Callable[[Run], None] = lambda run: None,
    until: int | None = None,
) -> tuple[Run, list[float]]:
    """A ResNet-8 by a recipe, and the loss of every batch."""
    recipe = RECIPES[name]
    schedule = replace(Schedule.of_length(epochs), batch_size=16)
    counts = np.bincount(pictures.labels)
    torch.manual_seed(0)
    network = ResNet(len(counts), 8, normalized=recipe.normalized)
    run = Run.fresh(recipe, network, counts, schedule, seed=5)
    before(run)
    first = run.epoch
    rows: list[int] = []
    values: list[float] = []

    def after_batch(count: int, loss: float) -> None:
        rows.append(count)
        values.append(loss)

    while run.epoch < (until or epochs):
        train_epoch(run, recipe, pictures, counts, schedule, after_batch)
        assert sum(rows) == (run.epoch - first) * len(pictures.labels)
        assert run.optimizer.param_groups[0]["lr"] == schedule.rate(run.epoch - 1)
    return run, values


def loss_of(criterion: torch.nn.Module) -> Any:
    """The loss that a module of topkloss evaluates."""
    return criterion.loss


@pytest.fixture(scope="session")
def tail(folder: Path) -> Pictures:
    """Every other pixel, for a fourth of the time."""
    whole = with_long_tail(read(folder, "cifar10")[0], 10, 10, 0)
    return Pictures(whole.images[:, :, ::2, ::2], whole.labels)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns(name: str, tail: Pictures, folder: Path) -> None:
    recipe, counts = RECIPES[name], np.bincount(tail.labels)
    run, values = trained(name, tail, 5)
    half = len(values) // 2
    # Where classes have weights, from the first fall on, their values are on another scale.
    unweighted = values[: len(values) * 3 // 5]
    assert np.mean(unweighted[half // 2 :]) < np.mean(unweighted[: half // 2])
    if hasattr(run.criterion, "set_class_weight"):
        weight = loss_of(run.criterion).class_weight
        assert (weight is not None) == recipe.reweighted
        if recipe.reweighted:
            np.testing.assert_allclose(np.asarray(weight), effective_number(counts, 0.9999))
    results = evaluate(name, recipe, run.network, read(folder, "cifar10")[1], counts)
    assert len(results) == 1 + len(recipe.adjusted)
    for result in results:
        # The test's classes are as frequent.
        assert result.top_1 == pytest.approx(result.top_1_class_average)
        assert result.top_1 <= result.top_5


def test_names_say_what_recipes_are() -> None:
    for name, recipe in RECIPES.items():
        assert recipe.reweighted == name.endswith("-drw")
    counts = class_counts(500, 100, 100)
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 100), torch.randint(100, (6,))
    one, other = (RECIPES[name].make(counts) for name in ("logit-adjusted", "balanced-softmax"))
    assert one(logits, labels) == other(logits, labels)
    alphas = [RECIPES["outlying-mse"].make(class_counts(50, each, 10)) for each in (10, 100)]
    assert [loss_of(each).alpha for each in alphas] == [5, 1]


def test_results_by_hand(folder: Path) -> None:
    """More than one batch, against the metrics of all scores at once."""
    training, _ = read(folder, "cifar100")
    small = training.images[:, :, ::4, ::4]
    pictures = Pictures(np.tile(small, (2, 1, 1, 1)), np.tile(training.labels, 2))
    counts = class_counts(500, 100, 100)
    torch.manual_seed(3)
    network = ResNet(100, 8).eval()
    with torch.no_grad():
        # So unsure that the adjustment decides.
        network.last.weight *= 0.1
    plain, adjusted = evaluate("it", RECIPES["cross-entropy"], network, pictures, counts)
    with torch.no_grad():
        scores = network(normalized(torch.from_numpy(pictures.images))).numpy()
    for result, each in ((plain, scores), (adjusted, logit_adjust(scores, counts))):
        assert result.top_1 == pytest.approx(topk_accuracy(each, pictures.labels), abs=2e-3)
        assert result.top_5 == pytest.approx(topk_accuracy(each, pictures.labels, 5), abs=2e-3)
        few = counts[pictures.labels] < 20
        assert result.shots.few == pytest.approx(
            topk_accuracy(each[few], pictures.labels[few], average="macro"), abs=5e-3
        )
    assert adjusted.name == "it, adjusted"
    assert adjusted.shots.few > plain.shots.few


@pytest.mark.parametrize("name", ["ldam-drw", "noised-top5"])
def test_a_checkpoint_goes_on_as_if_nothing_had_been(
    name: str, tail: Pictures, tmp_path: Path
) -> None:
    """Momentum, the order and the crops of pictures, and a loss's noise."""
    file = tmp_path / "checkpoint.pt"
    whole, _ = trained(name, tail, 4)
    part, _ = trained(name, tail, 4, until=3)
    part.save(file, ABOUT)
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    resumed, _ = trained(name, tail, 4, before=lambda run: run.load(file, ABOUT))
    assert resumed.epoch == 4
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[key]), key
    with pytest.raises(DataError, match="of another training: seed 0"):
        part.load(file, {**ABOUT, "seed": 1})
    torch.save({"about": "a text"}, tmp_path / "text.pt")
    file.write_bytes(b"no checkpoint")
    for path in (tmp_path, tmp_path / "text.pt", file):
        with pytest.raises(DataError, match="no checkpoint of this program"):
            part.load(path, ABOUT)


# The program


def test_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, since importing PyTorch takes longer than all of it: trains, and goes on."""
    monkeypatch.setenv("COLUMNS", "120")
    specification = importlib.util.spec_from_file_location(
        "program", Path(__file__).with_name("__main__.py")
    )
    assert specification is not None
    assert specification.loader is not None
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    monkeypatch.setattr(program, "MADE_ROWS", {"cifar10": (12, 2)})
    arguments = ["--made", "--quick", "--epochs", "2", "--recipe", "cross-entropy", "ldam"]
    arguments += ["--checkpoint", str(tmp_path)]
    program.main(arguments)
    shown = capsys.readouterr().out
    assert "Made pictures, no CIFAR: " in shown
    assert "12 to 1 a class; 20 to test on. 2 epochs of a ResNet-8." in shown
    for row in ("cross-entropy", "cross-entropy, adjusted", "ldam"):
        assert f"│ {row} " in shown
    program.main(arguments)
    again = capsys.readouterr().out
    assert "ldam: goes on after epoch 2" in again
    assert again[again.index("┏") :] == shown[shown.index("┏") :]
    torch.save({"about": {}}, tmp_path / "elm.pt")
    with pytest.raises(DataError, match=r"elm\.pt is of another training"):
        program.main([*arguments, "--recipe", "noised-top5", "elm"])
    assert not (tmp_path / "noised-top5.pt").exists()
    (tmp_path / "elm.pt").unlink()

    capsys.readouterr()

    def only_the_first(name: str, *others: Any) -> Any:
        if name == "ldam":
            raise RuntimeError("no memory")
        return evaluate(name, *others)

    monkeypatch.setattr(program, "evaluate", only_the_first)
    with pytest.raises(RuntimeError, match="no memory"):
        program.main(arguments)
    shown = capsys.readouterr().out
    assert "│ cross-entropy, adjusted " in shown
    assert "│ ldam " not in shown
    program.main(["--list"])
    listed = capsys.readouterr().out
    assert all(f"{name}: " in listed for name in RECIPES)
    with pytest.raises(DataError, match="There is no .*data_batch_1"):
        program.main(["--data", str(tmp_path)])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--recipe", "hinge"], "--recipe: invalid choice: 'hinge'"),
        (["--depth", "18"], "--depth: expected 6n + 2, as 20, 32 or 44, got '18'"),
        (["--factor", "7"], "--factor: invalid choice: 7"),
        (["--made", "--download"], "--download: not with --made"),
        (["--made", "--data", "there"], "--data: not allowed with argument --made"),
    ],
)
def test_bad_arguments_are_refused_in_plain_words(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(arguments)
    assert refused.value.code == 2
    assert complaint in capsys.readouterr().err


def test_what_the_program_does_by_default() -> None:
    options = parse([])
    assert (options.epochs, options.depth, options.factor) == (200, 32, 100)
    assert (options.recipe, options.data_set) == (["ldam-drw"], "cifar10")
    assert parse(["--recipe", "all"]).recipe == list(RECIPES)

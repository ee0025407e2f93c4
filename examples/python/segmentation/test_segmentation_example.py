"""The segmentation example: scenes, figures, the loop, and the program."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import LOSSES, parse
from criteria import CRITERIA
from figures import figures
from network import Network
from scenes import CLASSES, COLOURS, HEIGHT, WIDTH, draw
from settings import Settings
from torch.nn import functional
from training import predict, train

FOLDER = Path(__file__).parent


def test_scenes_are_long_tailed_and_the_same_for_a_seed() -> None:
    scenes, again, other = draw(60, 5), draw(60, 5), draw(60, 6)
    assert scenes.images.shape == (60, 3, HEIGHT, WIDTH)
    assert np.array_equal(scenes.images, again.images)
    assert not np.array_equal(scenes.labels, other.labels)
    counts = scenes.counts()
    assert counts.sum() == scenes.labels.size
    assert counts.min() > 0
    assert counts.max() > 100 * counts.min()
    for number, name in enumerate(CLASSES):
        mean = scenes.images.transpose(1, 0, 2, 3)[:, scenes.labels == number].mean(axis=1)
        np.testing.assert_allclose(mean, COLOURS[name], atol=0.12)


def test_figures_by_hand() -> None:
    labels = np.array([[[0, 0, 0], [1, 1, 0]]])
    predictions = np.array([[[0, 0, 1], [1, 0, 0]]])
    found = figures(labels, predictions, classes=3)
    np.testing.assert_allclose(found.intersection_over_union, [3 / 5, 1 / 3, 1])
    np.testing.assert_allclose(found.accuracy, [3 / 4, 1 / 2, 1])
    assert found.pixel_accuracy == pytest.approx(4 / 6)
    assert found.mean_iou == pytest.approx((3 / 5 + 1 / 3 + 1) / 3)


@pytest.mark.parametrize("name", CRITERIA)
def test_every_loss_takes_images_as_pytorch_does(name: str) -> None:
    """One value for all pixels, and the gradient in the logits' own layout."""
    counts = draw(60, 0).counts()
    torch.manual_seed(0)
    logits = torch.randn(2, len(CLASSES), 5, 7, requires_grad=True)
    labels = torch.randint(len(CLASSES), (2, 5, 7))
    criterion = CRITERIA[name].module(counts)
    value = criterion(logits, labels)
    (gradient,) = torch.autograd.grad(value, logits)
    rows = logits.detach().movedim(1, -1).reshape(-1, len(CLASSES)).requires_grad_()
    expected = criterion(rows, labels.reshape(-1))
    (of_rows,) = torch.autograd.grad(expected, rows)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient.movedim(1, -1).reshape(-1, len(CLASSES)), of_rows)
    if name == "cross-entropy":
        torch.testing.assert_close(value, functional.cross_entropy(logits, labels))
    if name == "logit-adjusted":
        prior = torch.from_numpy(np.log(counts / counts.sum())).float()[:, None, None]
        adjusted = logits + (CRITERIA[name].value or 0) * prior
        torch.testing.assert_close(value, functional.cross_entropy(adjusted, labels))


def test_the_loop_learns() -> None:
    """Better than calling everything what is most frequent; the same twice."""
    scenes, other = draw(24, 1), draw(10, 2)
    criterion = CRITERIA["cross-entropy"].module(scenes.counts())
    epochs: list[int] = []
    found = [
        predict(train(criterion, scenes, settings, lambda: epochs.append(1)), other)
        for settings in [Settings(epochs=1), Settings(epochs=1), Settings(epochs=8, batch_size=4)]
    ]
    assert len(epochs) == 10
    assert np.array_equal(found[0], found[1])
    share = other.counts().max() / other.labels.size
    assert figures(other.labels, found[2], len(CLASSES)).pixel_accuracy > share + 0.2


def test_the_network_sees_surroundings_at_every_place() -> None:
    network = Network(len(CLASSES)).eval()
    images = torch.zeros(1, 3, HEIGHT, WIDTH)
    assert network(images).shape == (1, len(CLASSES), HEIGHT, WIDTH)
    changed = images.clone()
    changed[0, :, 10, 10] = 1
    moved = (network(images) != network(changed)).any(1)[0]
    assert moved[10, 10]
    assert moved.sum() > 100


def test_the_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process, since importing PyTorch once more takes longer than all of it."""
    specification = importlib.util.spec_from_file_location("program", FOLDER / "__main__.py")
    assert specification is not None
    assert specification.loader is not None
    program = importlib.util.module_from_spec(specification)
    arguments = "--scenes", "12", "--epochs", "1", "--losses", "weighted", "--tune"
    monkeypatch.setattr("sys.argv", [str(FOLDER), *arguments])
    specification.loader.exec_module(program)
    monkeypatch.setenv("COLUMNS", "140")
    program.main(program.OPTIONS)
    shown = capsys.readouterr().out
    assert "12 scenes to train on" in shown
    for value in CRITERIA["weighted"].tried:
        assert f"│ {value:g}" in shown


@pytest.mark.parametrize("wrong", [["--losses", "hinge"], ["--epochs", "0"], ["--seed", "x"]])
def test_wrong_arguments_are_told(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(wrong)
    assert stopped.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_every_loss_can_be_asked_for() -> None:
    assert tuple(CRITERIA) == LOSSES

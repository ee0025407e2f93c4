"""The Lightning recipe: it learns, does better by rare classes, and weights them when it should."""

from __future__ import annotations

import re

import pytest
import torch
from lightning_recipe import classifiers, fit, main
from long_tail import draw


def test_quick_run(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick"])
    lines = re.findall(
        r"^(.+): loss (\S+) to (\S+), class average (\S+)$", capsys.readouterr().out, re.M
    )
    assert [name for name, *_ in lines] == ["cross-entropy", "LDAM, deferred weights"]
    usual, ldam = (tuple(map(float, figures)) for _, *figures in lines)
    for before, after, _ in (usual, ldam):
        assert after < 0.5 * before
    assert ldam[2] > usual[2] + 0.05


def test_weights_wait_for_their_epoch() -> None:
    task = draw(30)
    classifier = classifiers(task, epochs=4)["LDAM, deferred weights"]
    seen = []
    step = classifier.training_step

    def watched(batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        seen.append((classifier.current_epoch, classifier.criterion.loss.class_weight is None))
        return step(batch, batch_idx)

    classifier.training_step = watched
    fit(classifier, task, epochs=3)
    assert set(seen) == {(0, True), (1, True), (2, False)}

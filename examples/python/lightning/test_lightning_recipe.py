"""The Lightning recipe: it learns, does better by rare classes, and weights them when it should."""

from __future__ import annotations

import pytest
import torch
from figures import figures
from lightning_recipe import classifiers, fit, main
from long_tail import draw


def test_quick_run(capsys: pytest.CaptureFixture[str]) -> None:
    main(quick=True)
    usual, ours = figures(capsys.readouterr().out).values()
    assert usual.last < 0.5 * usual.first
    assert ours.last < 0.5 * ours.first
    assert ours.class_average > usual.class_average + 0.05


def test_weights_wait_for_their_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    task = draw(30)
    classifier = classifiers(task, epochs=4)["LDAM, deferred weights"]
    seen = []
    step = classifier.training_step

    def watched(batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        seen.append((classifier.current_epoch, classifier.criterion.loss.class_weight is None))
        return step(batch, batch_idx)

    monkeypatch.setattr(classifier, "training_step", watched)
    fit(classifier, task, epochs=3)
    assert set(seen) == {(0, True), (1, True), (2, False)}

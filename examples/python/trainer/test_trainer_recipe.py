"""The Trainer's recipe: what accumulates is the gradient of the whole, and rare tags are learnt."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from figures import figures
from sentences import IGNORED, PAIRS, collate, counts_of, draw
from topkloss.torch import LogitAdjustedLoss
from torch import Tensor, nn
from trainer_recipe import fit, loss_function, main, new_model
from transformers import TrainerCallback

SENTENCES = draw(16, seed=3)
COUNTS = counts_of(draw(500, seed=4))


class Kept(TrainerCallback):  # type: ignore[misc]
    """Keeps the gradients of each step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Tensor]] = []

    def on_pre_optimizer_step(self, *_: Any, model: nn.Module, **__: Any) -> None:
        self.steps.append(gradients_of(model))


def gradients_of(model: nn.Module) -> dict[str, Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def gradients_at_once(batches: list[Any], share: float) -> dict[str, Tensor]:
    """Of means over batches, each counted for a share, without the Trainer."""
    model, criterion = new_model(), LogitAdjustedLoss(COUNTS)
    for batch in map(collate, batches):
        labels = batch.pop("labels")
        (share * criterion(model(**batch)["logits"].movedim(-1, 1), labels)).backward()
    return gradients_of(model)


def furthest(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    assert found.keys() == expected.keys()
    return max(float((found[name] - expected[name]).abs().max()) for name in expected)


def test_accumulated_gradients_are_those_of_the_whole_batch() -> None:
    kept = Kept()
    criterion = LogitAdjustedLoss(COUNTS, reduction="sum")
    four = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4}
    fit(new_model(), criterion, SENTENCES, kept, max_steps=1, max_grad_norm=0.0, **four)
    (found,) = kept.steps
    whole = gradients_at_once([SENTENCES], 1)
    assert furthest(found, whole) < 1e-6
    # What the means of four batches would have given: the test can tell.
    batches = [SENTENCES[first : first + 4] for first in range(0, 16, 4)]
    assert furthest(gradients_at_once(batches, 1 / 4), whole) > 1e-3


def test_evaluation_is_the_mean_of_a_batch() -> None:
    batch = collate(SENTENCES)
    labels = batch["labels"]
    assert (labels == IGNORED).any()
    scores = torch.randn(*labels.shape, len(COUNTS), generator=torch.Generator().manual_seed(0))
    summed = loss_function(LogitAdjustedLoss(COUNTS, reduction="sum"))
    mean = LogitAdjustedLoss(COUNTS)(scores.movedim(-1, 1), labels)
    torch.testing.assert_close(summed({"logits": scores}, labels), mean)


def test_tags_have_a_long_tail() -> None:
    assert COUNTS[:PAIRS].min() > 20 * COUNTS[PAIRS:].max()
    assert COUNTS.min() > 0


def test_quick_run(capsys: pytest.CaptureFixture[str]) -> None:
    main(quick=True)
    usual, ours = figures(capsys.readouterr().out).values()
    assert usual.last < 0.5 * usual.first
    assert ours.last < 0.5 * ours.first
    assert ours.class_average > usual.class_average + 0.2

"""A Lightning module whose criterion is a loss of topkloss, with deferred re-weighting."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning
import torch
from long_tail import CLASSES, FEATURES, Task, draw
from topkloss.class_weights import deferred, effective_number
from topkloss.torch import CrossEntropyLoss, LDAMLoss, NormedLinear
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(lightning.LightningModule):  # type: ignore[misc]
    """A small network and its loss.

    The criterion is a member, so that checkpoints have what state it has: the steps of a noised
    loss, or the threshold of a `TwoHeadAverageKLoss`.

    Args:
        criterion: The loss, with the reduction ``"mean"``.
        head: The last layer, 64 features to CLASSES scores.
        weights: Class weights from the epoch `start` on; for criteria that take some.
        start: That epoch.
    """

    def __init__(
        self,
        criterion: nn.Module,
        head: nn.Module,
        weights: Tensor | None = None,
        start: int = 0,
    ) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), head)
        self.criterion: Any = criterion
        self.weights = weights
        self.start = start
        self.losses: list[float] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores of the classes."""
        scores: Tensor = self.network(inputs)
        return scores

    def on_train_epoch_start(self) -> None:
        """Weights classes once the features are learnt, as in the paper of LDAM."""
        if self.weights is not None:
            now = deferred(self.weights, epoch=self.current_epoch, start=self.start)
            self.criterion.set_class_weight(now)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """The loss of a batch; Lightning does the rest."""
        inputs, labels = batch
        loss: Tensor = self.criterion(self(inputs), labels)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, the same for both losses."""
        return torch.optim.Adam(self.parameters(), 0.01)


def classifiers(task: Task, epochs: int) -> dict[str, Classifier]:
    """Cross-entropy, and LDAM with deferred re-weighting."""
    torch.manual_seed(0)
    weights = torch.as_tensor(effective_number(task.counts(), beta=0.999))
    ldam = LDAMLoss(task.counts(), max_margin=0.5, scale=10)
    return {
        "cross-entropy": Classifier(CrossEntropyLoss(), nn.Linear(64, CLASSES)),
        "LDAM, deferred weights": Classifier(
            ldam, NormedLinear(64, CLASSES), weights, start=epochs // 2
        ),
    }


def fit(classifier: Classifier, task: Task, epochs: int) -> None:
    """Train a classifier on the task, quietly."""
    rows = TensorDataset(torch.from_numpy(task.inputs), torch.from_numpy(task.labels))
    batches = DataLoader(rows, 128, shuffle=True, generator=torch.Generator().manual_seed(0))
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        # That the made data, which lie in memory, would be loaded faster by other processes.
        warnings.filterwarnings("ignore", "The 'train_dataloader' does not have many workers")
        # Lightning's own use of PyTorch.
        warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec\\)` is deprecated")
        trainer.fit(classifier, batches)


@torch.no_grad()
def class_average(classifier: Classifier, task: Task) -> float:
    """The classifier's accuracy, every class counted the same."""
    return task.class_average(lambda rows: classifier.eval()(torch.from_numpy(rows)))


def main(*, quick: bool) -> None:
    """Train with both losses, and say how they did. quick: on less data."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    task = draw(200 if quick else 2000)
    epochs = 8 if quick else 20
    for name, classifier in classifiers(task, epochs).items():
        fit(classifier, task, epochs)
        first, last = classifier.losses[0], classifier.losses[-1]
        print(
            f"{name}: loss {first:.3f} to {last:.3f}, "
            f"class average {class_average(classifier, task):.3f}"
        )

"""What a network is judged by: the test pictures, of which every class has as many."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from augmentation import normalized
from cifar_files import Pictures
from long_tail import Counts
from recipes import Recipe
from topkloss.metrics import ShotAccuracy, TopKAccuracy
from topkloss.posthoc import logit_adjust
from torch import nn

BATCH = 500


@dataclass(frozen=True)
class Result:
    """Shares of the test pictures.

    Attributes:
        name: The recipe's, and how its scores were adjusted.
        top_1: Of all pictures. Where classes have as many test pictures, the class average too.
        top_1_class_average: Every class counts the same.
        top_5: Of all pictures.
        shots: Top-1, over classes of more than 100, 20 to 100, and fewer than 20 to train on.
    """

    name: str
    top_1: float
    top_1_class_average: float
    top_5: float
    shots: ShotAccuracy


@torch.no_grad()
def evaluate(
    name: str, recipe: Recipe, network: nn.Module, pictures: Pictures, counts: Counts
) -> list[Result]:
    """The result of the scores as they are, and one for each strength of post-hoc adjustment."""
    network.eval()
    device = next(network.parameters()).device
    strengths = (0.0, *recipe.adjusted)
    tallies = [
        (TopKAccuracy(1), TopKAccuracy(1, average="macro"), TopKAccuracy(5)) for _ in strengths
    ]
    for start in range(0, len(pictures.labels), BATCH):
        rows = slice(start, start + BATCH)
        images = torch.from_numpy(pictures.images[rows]).to(device)
        scores = network(normalized(images)).float().cpu().numpy()
        for tau, accuracies in zip(strengths, tallies, strict=True):
            adjusted = logit_adjust(scores, counts, tau) if tau else scores
            for accuracy in accuracies:
                accuracy.update(adjusted, pictures.labels[rows])
    results: list[Result] = []
    for tau, (top_1, by_class, top_5) in zip(strengths, tallies, strict=True):
        title = f"{name}, adjusted" if tau else name
        shots = by_class.shots(counts)
        results.append(Result(title, top_1.compute(), by_class.compute(), top_5.compute(), shots))
    return results

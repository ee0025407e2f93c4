"""A loss of topkloss in Hugging Face's Trainer, right under gradient accumulation.

Sentences differ in length, so that batches differ in their number of tags. The mean over a batch,
averaged over the batches that are accumulated, is not the mean over all their tags: short batches
would count for too much. The Trainer says how many labels all of them have; the loss is the sum
divided by that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import torch
from sentences import IGNORED, TAGS, VOCABULARY, Sentence, collate, counts_of, draw
from topkloss import metrics
from topkloss.torch import CrossEntropyLoss, LogitAdjustedLoss
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForTokenClassification,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

LossFunction = Callable[..., Tensor]


def loss_function(criterion: nn.Module) -> LossFunction:
    """What the Trainer takes as ``compute_loss_func``.

    Args:
        criterion: A loss of `topkloss.torch` with the reduction ``"sum"``, and the Trainer's own
            `IGNORED` as the label of rows to leave out.
    """

    def loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | None = None) -> Tensor:
        # (N, L, C) as PyTorch has it, (N, C, L): a view.
        total: Tensor = criterion(outputs["logits"].movedim(-1, 1), labels)
        # None in evaluation, where each batch is by itself.
        items = num_items_in_batch
        if items is None:
            items = (labels != IGNORED).sum().clamp(min=1)
        return total / items

    return loss


def new_model() -> nn.Module:
    """A very small BERT with random weights, the same each time."""
    torch.manual_seed(0)
    model: nn.Module = BertForTokenClassification(
        BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=32,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            num_labels=TAGS,
            pad_token_id=0,
        )
    )
    return model


def fit(
    model: nn.Module,
    criterion: nn.Module,
    sentences: list[Sentence],
    *callbacks: TrainerCallback,
    **options: Any,
) -> list[float]:
    """Train a model by the Trainer; the losses that it logs.

    Args:
        model: What is trained.
        criterion: As for `loss_function`.
        sentences: What is learnt.
        callbacks: The Trainer's.
        options: Of `transformers.TrainingArguments`.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "output_dir": folder,
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 2,
            "learning_rate": 0.01,
            "use_cpu": True,
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "remove_unused_columns": False,
            "logging_strategy": "no",
        }
        trainer = Trainer(
            model,
            TrainingArguments(**{**settings, **options}),
            collate,
            sentences,
            compute_loss_func=loss_function(criterion),
            callbacks=list(callbacks),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@torch.no_grad()
def class_average(model: nn.Module, sentences: list[Sentence]) -> float:
    """The share of words whose tag is right, every tag counted the same."""
    batch = collate(sentences)
    labels = batch.pop("labels")
    return float(
        metrics.topk_accuracy(
            model.eval()(**batch)["logits"], labels, k=1, average="macro", ignore_index=IGNORED
        )
    )


def main(*, quick: bool) -> None:
    """Train with both losses, and say how they did. quick: on less data."""
    sentences, others = draw(400 if quick else 4000, seed=1), draw(500, seed=2)
    losses = {
        "cross-entropy": CrossEntropyLoss(reduction="sum"),
        "logit-adjusted": LogitAdjustedLoss(counts_of(sentences), reduction="sum"),
    }
    for name, criterion in losses.items():
        model = new_model()
        logged = fit(
            model,
            criterion,
            sentences,
            num_train_epochs=2,
            logging_strategy="steps",
            logging_steps=5,
        )
        print(
            f"{name}: loss {logged[0]:.3f} to {logged[-1]:.3f}, "
            f"class average {class_average(model, others):.3f}"
        )

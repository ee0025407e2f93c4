"""What is the same for every training. Nothing is imported here that `--help` would wait for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How long and how fast to train."""

    epochs: int = 6
    batch_size: int = 256
    seed: int = 0
    learning_rate: float = 0.003

    learning_rate_decay: float = 0.7
    """What the learning rate is multiplied by after every epoch."""

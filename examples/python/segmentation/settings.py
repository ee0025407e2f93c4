"""What is the same for every training. Nothing is imported here that `--help` would wait for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What is the same for all losses, and tuned for none."""

    epochs: int = 16
    batch_size: int = 10
    learning_rate: float = 6e-3
    seed: int = 0

"""What a run is asked to do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.losses import BY_NAME, LOSSES, Loss
from benchmarks.peers import PEERS
from benchmarks.problems import CONFIDENT, SIZES, TRAINED, UNTRAINED, Size

SECTIONS = (
    "peers",
    "small",
    "modules",
    "bfloat16",
    "threads",
    "levels",
    "growth",
    "memory",
    "instructions",
)
QUICK_LOSSES = ("logit_adjusted", "noised_topk")


@dataclass(frozen=True)
class Settings:
    """The command line, understood."""

    sections: tuple[str, ...]
    losses: tuple[Loss, ...]
    classes: tuple[int, ...]
    peers: tuple[str, ...]
    rows: str
    seconds: float
    threads: int
    output: Path

    def sizes(self, loss: Loss) -> tuple[Size, ...]:
        """Those of a loss that were asked for."""
        return tuple(size for size in loss.sizes() if size.classes in self.classes)


def read(arguments: Sequence[str] | None = None) -> Settings:
    """The command line's settings. --quick changes the defaults, not what is given with it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times topkloss beside its peers, value and gradient.",
    )
    names = tuple(loss.name for loss in LOSSES)
    classes = tuple(size.classes for size in SIZES)
    kinds = (UNTRAINED, TRAINED, CONFIDENT)
    parser.add_argument("--quick", action="store_true", help="a look at little, in half a minute")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, help="default: all")
    parser.add_argument("--losses", nargs="+", choices=names, metavar="LOSS", help="default: all")
    parser.add_argument("--classes", nargs="+", type=int, choices=classes, help="default: all")
    parser.add_argument("--peers", nargs="+", choices=PEERS, help="default: all")
    parser.add_argument("--rows", nargs="+", choices=kinds, help="default: untrained trained")
    parser.add_argument("--seconds", type=float, help="for each pair of calls (default: 0.3)")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default: 2)")
    parser.add_argument(
        "--output", type=Path, default=Path("output"), help="folder for JSON and picture"
    )
    given = parser.parse_args(arguments)
    quick = given.quick
    peers = tuple(name for name in PEERS if name not in ("compile", "jax")) if quick else PEERS
    return Settings(
        sections=tuple(given.sections or SECTIONS),
        losses=tuple(BY_NAME[name] for name in given.losses or (QUICK_LOSSES if quick else names)),
        classes=tuple(given.classes or ((100, 1000) if quick else classes)),
        peers=tuple(given.peers or peers),
        rows=",".join(given.rows or (UNTRAINED, TRAINED)),
        seconds=given.seconds or (0.05 if quick else 0.3),
        threads=given.threads,
        output=given.output,
    )

"""The country of a European city by boosted trees, with objectives for long tails.

Run it as `python examples/python/boosting`; `--help` lists the options.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from time import perf_counter

# Behind this folder: types of options are those of the demo.
sys.path.append(str(Path(__file__).resolve().parents[1] / "geonames"))

from command_line import parse

# First, for --help needs nothing of what follows.
OPTIONS = parse()

try:
    import numpy as np
    from boosters import LIBRARIES, LOSSES
    from cities import load_cities, split_cities
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from topkloss import metrics
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[xgboost,lightgbm] from "
        "bindings/python, and this example's own packages from "
        "examples/python/boosting/requirements.txt."
    )


def main(options: argparse.Namespace) -> None:
    console = Console()
    rounds, share = options.rounds, options.share
    if rounds is None:
        rounds = 4 if options.quick else 20
    if share is None:
        share = 0.06 if options.quick else 0.25
    train, test = split_cities(load_cities(), share, options.seed)
    counts = train.counts()
    console.print(
        f"{len(train.labels):,} cities of {len(counts)} countries to train on, {counts.max():,} of "
        f"the largest and {counts.min()} of the smallest; {len(test.labels):,} to test on."
    )
    columns = "library", "objective", "top-1", "class average", "top-5", "class average", "seconds"
    table = Table(*columns)
    with Progress(console=console) as progress:
        for library in options.libraries:
            for name in options.losses:
                task = progress.add_task(f"{library}, {name}", total=rounds)
                started = perf_counter()
                after_round = partial(progress.advance, task)
                loss = LOSSES[name](counts)
                scores = LIBRARIES[library](loss, train, test, rounds, after_round)
                seconds = perf_counter() - started
                scores = np.ascontiguousarray(scores)
                figures = [
                    f"{metrics.topk_accuracy(scores, test.labels, k=k, average=average):.3f}"
                    for k in (1, 5)
                    for average in ("micro", "macro")
                ]
                table.add_row(library, name, *figures, f"{seconds:.0f}")
    console.print(table)


if __name__ == "__main__":
    main(OPTIONS)

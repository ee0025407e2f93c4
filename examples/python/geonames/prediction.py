"""Answers for names typed by a person: the K most likely countries, with scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from features import hash_names
from losses import METHODS
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text
from storage import SavedModel


def prediction_tables(
    saved: SavedModel, method: str, names: Sequence[str], countries_shown: int
) -> list[Table]:
    """A table a name, best country first.

    Scores are those the method ranks by. Where it was trained through a softmax, the country's
    share of that is shown too.
    """
    chosen = METHODS[method]
    scores = chosen.read(saved.model.scores(hash_names(names)), saved.counts)
    tables = []
    for name, row in zip(names, scores, strict=True):
        table = Table(title=Text(name), title_justify="left", box=SIMPLE_HEAD)
        table.add_column("", justify="right")
        table.add_column("country", min_width=28)
        table.add_column("score", justify="right")
        softmax = None
        if chosen.softmax_scale is not None:
            table.add_column("softmax", justify="right")
            shares = np.exp(chosen.softmax_scale * (row - row.max()))
            softmax = shares / shares.sum()

        best_first = np.argsort(-row, kind="stable")[:countries_shown]
        for rank, country in enumerate(best_first.tolist(), start=1):
            cells = [str(rank), saved.countries[country], f"{row[country]:.3f}"]
            if softmax is not None:
                cells.append(f"{softmax[country]:.1%}")
            table.add_row(*cells)
        tables.append(table)
    return tables

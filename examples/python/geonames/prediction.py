"""Answers for names typed by a person: the K most likely countries, and the predicted set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features import hash_names
from losses import METHODS, Scores, softmax
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text
from sets import AVERAGE_SIZE, members_of
from storage import SavedModel


def answers(
    saved: SavedModel, method: str, names: Sequence[str], countries_shown: int
) -> Iterator[Group]:
    """An answer a name: a table of the best countries, and below it the name's set.

    Scores are those the method ranks by. Where it was trained through a softmax, the country's
    share of that is shown too.
    """
    chosen = METHODS[method]
    outputs = saved.model.scores(hash_names(names))
    scores = chosen.scores(outputs, saved.counts)
    shares = None if chosen.softmax_scale is None else softmax(scores, chosen.softmax_scale)
    sets = members_of(chosen.set_scores(outputs, saved.counts), saved.thresholds[method])
    for row, name in enumerate(names):
        members = [saved.countries[country] for country in sets[row].tolist()]
        yield Group(
            _table(
                name,
                saved.countries,
                scores[row],
                None if shares is None else shares[row],
                countries_shown,
            ),
            Text(
                f"Predicted set of {len(members)}, where {AVERAGE_SIZE} is the average: "
                f"{', '.join(members)}.\n"
            ),
        )


def _table(
    name: str, countries: Sequence[str], scores: Scores, shares: Scores | None, shown: int
) -> Table:
    """The best countries, best first. scores and shares: (C,)."""
    table = Table(title=Text(name), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", justify="right")
    table.add_column("country", min_width=28)
    table.add_column("score", justify="right")
    if shares is not None:
        table.add_column("softmax", justify="right")
    best_first = (-scores).argsort(kind="stable")[:shown]
    for rank, country in enumerate(best_first.tolist(), start=1):
        cells = [str(rank), countries[country], f"{scores[country]:.3f}"]
        if shares is not None:
            cells.append(f"{shares[country]:.1%}")
        table.add_row(*cells)
    return table

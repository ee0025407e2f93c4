"""Writes the split names to a tab-separated file, for training loops in other languages.

Run it as `python examples/python/geonames/write_cities.py cities.tsv`. The file is UTF-8, with a
line of titles and then a line a name: its part (training, validation or test), the index of its
country, the country's name, and the name in lower case with its start and its end marked, so that
readers need no tables of Unicode. The split is the demo's, with seed 0.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from data import Cities, load_cities, split_cities
from features import marked
from settings import Settings

TITLES = ("part", "country", "country_name", "name")


def write_cities(path: Path, parts: dict[str, Cities]) -> None:
    """Write every name of every part, in the given order; all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(
            file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None
        )
        writer.writerow(TITLES)
        for part, cities in parts.items():
            for name, label in zip(cities.names, cities.labels.tolist(), strict=True):
                writer.writerow((part, label, cities.countries[label], marked(name)))
    unfinished.replace(path)


def main() -> None:
    """Write the file that the command line names."""
    parser = argparse.ArgumentParser(description="Writes the demo's names to a file.")
    parser.add_argument("path", type=Path)
    path: Path = parser.parse_args().path
    if path.is_dir():
        parser.error(f"{path} is a folder; name the file to write")
    split = split_cities(load_cities(), Settings().seed)
    write_cities(
        path, {"training": split.training, "validation": split.validation, "test": split.test}
    )


if __name__ == "__main__":
    main()

"""The file for other languages holds what the demo learns from, and nothing that needs quoting."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from data import Split, load_cities, split_cities
from features import marked
from write_cities import main, write_cities


@pytest.fixture(scope="module")
def split() -> Split:
    return split_cities(load_cities(), 0)


def test_the_file_says_what_the_split_does(split: Split, tmp_path: Path) -> None:
    path = tmp_path / "new" / "cities.tsv"
    write_cities(path, {"training": split.training, "test": split.test})
    lines = path.read_text("utf-8").split("\n")
    assert lines[0] == "part\tcountry\tcountry_name\tname"
    assert lines.pop() == ""
    rows = [line.split("\t") for line in lines[1:]]
    assert {len(row) for row in rows} == {4}
    for part, cities in (("training", split.training), ("test", split.test)):
        of_part = [row for row in rows if row[0] == part]
        assert [row[3] for row in of_part] == [marked(name) for name in cities.names]
        labels = np.array([int(row[1]) for row in of_part])
        np.testing.assert_array_equal(labels, cities.labels)
        assert [row[2] for row in of_part] == [cities.countries[label] for label in labels]
    assert [entry.name for entry in path.parent.iterdir()] == ["cities.tsv"]


def test_files_of_like_names_are_left_alone(split: Split, tmp_path: Path) -> None:
    neighbour = tmp_path / "cities.part"
    neighbour.write_text("other", "utf-8")
    write_cities(tmp_path / "cities.tsv", {"training": split.test})
    assert neighbour.read_text("utf-8") == "other"


def test_a_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["write_cities.py", str(tmp_path)])
    with pytest.raises(SystemExit) as refusal:
        main()
    assert refusal.value.code == 2
    assert f"{tmp_path} is a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

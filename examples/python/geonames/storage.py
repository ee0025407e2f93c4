"""Trained models on disk, with what is needed to answer for new names."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from model import CityModel
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray


class UnreadableModelError(Exception):
    """The file is there, but is not a model that this demo saved."""


@dataclass(frozen=True)
class SavedModel:
    """A trained model, the countries it tells apart, and how it came about."""

    model: CityModel
    countries: list[str]
    counts: NDArray[np.int64]
    """Training rows a country, shape (C,)."""

    epochs: int

    thresholds: dict[str, float]
    """For each method that uses the model: which of its set scores are in a name's set."""


def model_path(folder: Path, method: str) -> Path:
    return folder / f"model-{method}.npz"


def save(saved: SavedModel, path: Path) -> None:
    np.savez(
        path,
        allow_pickle=False,
        countries=np.array(saved.countries),
        counts=saved.counts,
        epochs=np.array(saved.epochs),
        **{f"parameter_{name}": value for name, value in saved.model.state().items()},
        **{f"threshold_{name}": np.array(value) for name, value in saved.thresholds.items()},
    )


def load(path: Path) -> SavedModel:
    try:
        with np.load(path, allow_pickle=False) as file:
            thresholds = _with_prefix(file, "threshold_")
            return SavedModel(
                CityModel.restored(_with_prefix(file, "parameter_")),
                [str(country) for country in file["countries"]],
                file["counts"],
                int(file["epochs"]),
                {method: float(value) for method, value in thresholds.items()},
            )
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableModelError(f"{path} is not a model that this demo saved") from error


def _with_prefix(file: NpzFile, prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays of a file whose names start like this, by the rest of their names."""
    return {name.removeprefix(prefix): file[name] for name in file.files if name.startswith(prefix)}

"""Trained models on disk, with what is needed to answer for new names."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from model import CityModel
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
    )


def load(path: Path) -> SavedModel:
    try:
        with np.load(path, allow_pickle=False) as file:
            state = {
                name.removeprefix("parameter_"): file[name]
                for name in file.files
                if name.startswith("parameter_")
            }
            return SavedModel(
                CityModel.restored(state),
                [str(country) for country in file["countries"]],
                file["counts"],
                int(file["epochs"]),
            )
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableModelError(f"{path} is not a model that this demo saved") from error

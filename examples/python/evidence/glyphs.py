"""Letters as the fonts of Debian's packages draw them, 24 x 24: which code point is it?

The tail is a real one: everybody draws an A, few an archaic Greek letter. Fonts of one package resemble
one another, so a package's fonts are all in one part. Homoglyphs (A, Greek Alpha, Cyrillic A)
look the same in most fonts: the ambiguity is honest.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from confusable_homoglyphs import confusables  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from subjects import Part, Subject

PACKAGES = tuple((Path(__file__).parent / "fonts.txt").read_text().split())

SIZE = 24
EM = 18
"""Pixels of the em, so that most letters fit in."""

SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
"""Whose letters are classes, by the first word of the name in Unicode."""

EPOCHS = 5
BATCH_SIZE = 64

FEWEST_LETTERS = 52
"""A font with fewer of them is one of symbols, say."""

FEWEST_PACKAGES = 8
"""Letters that fewer packages have are left out."""


class FontsMissingError(RuntimeError):
    """The fonts cannot be had on this machine."""


def glyphs(quick: bool) -> Subject:
    """Letters, their images, and whether another letter looks like each."""
    cached = _folder() / f"glyphs-{_key()}.npz"
    if not cached.exists():
        _download(_folder() / "packages")
        images, points, packages = _drawn(_folder() / "packages")
        partial = cached.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, images=images, points=points, packages=packages)
        partial.replace(cached)
    with np.load(cached) as stored:
        return _split(stored["images"], stored["points"], stored["packages"], quick)


def _key() -> str:
    """What the images depend on: how they are drawn, and of which packages."""
    told = hashlib.sha256(Path(__file__).read_bytes())
    told.update(repr(PACKAGES).encode())
    return told.hexdigest()[:12]


def _folder() -> Path:
    cache = os.environ.get("TOPKLOSS_CACHE") or os.environ.get("XDG_CACHE_HOME")
    base = Path(cache) if cache else Path.home() / ".cache"
    folder = (base if os.environ.get("TOPKLOSS_CACHE") else base / "topkloss") / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _download(folder: Path) -> None:
    """Get and unpack the packages; nothing is installed, and nobody has to be root."""
    folder.mkdir(exist_ok=True)
    missing = [name for name in PACKAGES if not (folder / name / "complete").exists()]
    if not missing:
        return
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise FontsMissingError("the fonts come from Debian's packages, and there is no apt-get")
    # Apart from what others are downloading, and put in place whole.
    with tempfile.TemporaryDirectory(dir=folder) as own:
        _run(own, "apt-get", "download", "--quiet", *missing)
        for archive in sorted(Path(own).glob("*.deb")):
            name = archive.name.split("_")[0]
            _run(own, "dpkg-deb", "-x", archive.name, name)
            (Path(own) / name / "complete").touch()
            with contextlib.suppress(OSError):  # somebody else was faster
                (Path(own) / name).rename(folder / name)


def _run(folder: str, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip()
        raise FontsMissingError(f"{command[0]} failed (apt-get update may help): {said}")


def _face(folder: Path) -> tuple[Path, frozenset[int]]:
    """A package's plainest font, and the letters that it draws."""
    found = sorted(
        (path for path in folder.rglob("*") if path.suffix.lower() in (".ttf", ".otf")),
        key=lambda path: ("regular" not in path.name.lower(), len(path.name), path.name),
    )
    for path in found:
        try:
            with TTFont(path, lazy=True) as font:
                points = font.getBestCmap() or {}
        except (TTLibError, OSError):
            continue
        letters = frozenset(point for point in points if _is_letter(point))
        if len(letters) >= FEWEST_LETTERS:
            return path, letters
    raise FontsMissingError(f"{folder.name} has no font of the letters that are asked for")


def _is_letter(point: int) -> bool:
    letter = chr(point)
    return unicodedata.category(letter).startswith("L") and unicodedata.name(letter, "").startswith(
        SCRIPTS
    )


def _drawn(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Images (N, SIZE, SIZE), code points (N,), and places in `PACKAGES` (N,)."""
    faces = [_face(folder / name) for name in PACKAGES]
    packages_of = Counter(point for _, drawn in faces for point in drawn)
    images, points, packages = [], [], []
    for place, (path, drawn) in enumerate(faces):
        font = ImageFont.truetype(path, EM)
        for point in sorted(p for p in drawn if packages_of[p] >= FEWEST_PACKAGES):
            image = _draw(font, chr(point))
            if image.any():
                images.append(image)
                points.append(point)
                packages.append(place)
    return np.stack(images), np.array(points), np.array(packages)


def _draw(font: ImageFont.FreeTypeFont, letter: str) -> NDArray[np.uint8]:
    """White on black, on a base line that is the same for all: c is not C."""
    canvas = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(canvas).text((SIZE / 2, SIZE * 0.72), letter, 255, font, anchor="ms")
    return np.asarray(canvas)


def _split(
    images: NDArray[np.uint8], points: NDArray[np.int64], packages: NDArray[np.int64], quick: bool
) -> Subject:
    """Six packages in ten to learn from, two to choose by, two for the test."""
    part_of = np.array([0, 0, 0, 1, 2])[np.random.default_rng(0).permutation(len(PACKAGES)) % 5]
    parts = part_of[packages]
    if quick:
        kept = points % 4 == 0
        images, points, parts = images[kept], points[kept], parts[kept]
    # A class needs two rows to learn from, and one of each other part.
    letters = [p for p in np.unique(points) if _told(parts[points == p])]
    kept = np.isin(points, letters)
    labels = np.searchsorted(letters, points[kept]).astype(np.int64)
    alike = _has_homoglyph(letters)[labels]
    images, parts = images[kept], parts[kept]
    return Subject(
        len(letters),
        EPOCHS,
        BATCH_SIZE,
        *(Part(images[parts == p], labels[parts == p], alike[parts == p]) for p in range(3)),
    )


def _told(parts: NDArray[np.int64]) -> bool:
    training, validation, test = np.bincount(parts, minlength=3)
    return bool(training >= 2 and validation and test)


def _has_homoglyph(letters: Sequence[int]) -> NDArray[np.bool_]:
    """For each of C letters, whether Unicode lists another of them as confusable with it."""
    classes = {chr(letter) for letter in letters}
    listed = confusables.confusables_data
    return np.array(
        [any(other["c"] in classes for other in listed.get(chr(one), ())) for one in letters]
    )

"""Street scenes, drawn here: images, and the class of every pixel.

No photographs, but what is hard about them: a few classes fill the image, the others are small,
seldom there, and about as bright as what is behind them, so that a pixel's own colour does not tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Images = npt.NDArray[np.float32]

HEIGHT, WIDTH = 32, 48

COLOURS = {
    "sky": (0.55, 0.65, 0.80),
    "building": (0.50, 0.45, 0.40),
    "road": (0.35, 0.35, 0.38),
    "pavement": (0.48, 0.46, 0.45),
    "tree": (0.30, 0.45, 0.28),
    "car": (0.45, 0.35, 0.42),
    "fence": (0.44, 0.38, 0.26),
    "pole": (0.32, 0.32, 0.36),
    "person": (0.62, 0.36, 0.34),
    "sign": (0.66, 0.55, 0.28),
    "cyclist": (0.36, 0.44, 0.60),
}
"""The mean colour of each class, by its name."""

CLASSES = list(COLOURS)
_NUMBER = {name: number for number, name in enumerate(CLASSES)}

# Of an object's colour about its class's, and of a pixel's about its object's.
_OBJECT_SPREAD, _PIXEL_SPREAD = 0.05, 0.08


@dataclass(frozen=True)
class Scenes:
    """N scenes.

    Attributes:
        images: Colours, of shape (N, 3, H, W).
        labels: The class of every pixel, of shape (N, H, W).
    """

    images: Images
    labels: Labels

    def counts(self) -> Labels:
        """Pixels of each class, of shape (C,)."""
        return np.bincount(self.labels.ravel(), minlength=len(CLASSES))


class _Canvas:
    """One scene while it is drawn: later objects hide earlier ones."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.labels = np.zeros((HEIGHT, WIDTH), np.int64)
        self.colours = np.zeros((HEIGHT, WIDTH, 3))

    def fill(self, name: str, where: tuple[slice, slice] | npt.NDArray[np.bool_]) -> None:
        self.labels[where] = _NUMBER[name]
        self.colours[where] = COLOURS[name] + self.rng.normal(0, _OBJECT_SPREAD, 3)

    def box(self, name: str, bottom: int, left: int, height: int, width: int) -> None:
        rows = slice(max(bottom - height, 0), max(bottom, 0))
        self.fill(name, (rows, slice(max(left, 0), max(left + width, 0))))

    def disc(self, name: str, row: int, column: int, radius: int) -> None:
        rows, columns = np.ogrid[:HEIGHT, :WIDTH]
        self.fill(name, (rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


def _scene(rng: np.random.Generator) -> _Canvas:
    canvas = _Canvas(rng)
    ground, kerb = int(rng.integers(12, 18)), int(rng.integers(19, 24))

    def often(chance: float) -> bool:
        return bool(rng.random() < chance)

    def between(least: int, most: int) -> int:
        return int(rng.integers(least, most + 1))

    def anywhere() -> int:
        return between(0, WIDTH - 4)

    canvas.fill("sky", (slice(0, ground), slice(None)))
    canvas.fill("pavement", (slice(ground, kerb), slice(None)))
    canvas.fill("road", (slice(kerb, HEIGHT), slice(None)))
    left = 0
    while left < WIDTH:
        width = between(8, 20)
        if often(0.8):
            canvas.box("building", ground, left, between(5, 14), width)
        left += width
    for _ in range(between(0, 2)):
        canvas.disc("tree", ground - between(1, 5), anywhere(), between(2, 4))
    if often(0.2):
        canvas.box("fence", ground + 2, anywhere(), 3, between(10, 24))
    if often(0.3):
        pole = anywhere()
        canvas.box("pole", kerb, pole, between(10, 18), 1)
        if often(0.4):
            canvas.box("sign", kerb - between(6, 10), pole - 1, 3, 3)
    for _ in range(between(0, 2)):
        canvas.box("car", between(kerb + 2, HEIGHT - 1), anywhere(), 4, between(6, 10))
    if often(0.2):
        canvas.box("person", between(kerb - 3, kerb), anywhere(), 5, 2)
    if often(0.07):
        canvas.box("cyclist", between(kerb + 2, HEIGHT - 2), anywhere(), 5, 4)
    return canvas


def draw(count: int, seed: int) -> Scenes:
    """So many scenes; the same for the same seed."""
    rng = np.random.default_rng(seed)
    canvases = [_scene(rng) for _ in range(count)]
    colours = np.stack([canvas.colours for canvas in canvases])
    colours += rng.normal(0, _PIXEL_SPREAD, colours.shape)
    images = np.ascontiguousarray(colours.transpose(0, 3, 1, 2), np.float32)
    return Scenes(images, np.stack([canvas.labels for canvas in canvases]))

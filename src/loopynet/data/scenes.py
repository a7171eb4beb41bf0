"""A made-up set of scenes with label maps, in which one must look around to know what a place is.

Sky and sea have colors of one law, and so have meadows and trees, and stony ground and buildings.
What a patch is shows by where it lies: the sea below the horizon, buildings and trees upon it. A
sun and its reflection in the sea are the same disc; the reflection is sea.

Only random integers and random fractions are drawn and only sums and products are taken, so that
the pictures are the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopynet.data.decode import Pixels

SCENE_CLASSES = ("sky", "sea", "ground", "building", "tree", "sun")
_SKY, _SEA, _GROUND, _BUILDING, _TREE, _SUN = range(6)
SIZE = 32
_BLUE, _GREEN, _GRAY, _YELLOW = (110, 150, 190), (80, 130, 70), (150, 135, 115), (235, 215, 140)

Draw = np.random.Generator
Numbers = NDArray[np.float64]

_rows, _columns = np.mgrid[:SIZE, :SIZE]


@dataclass(frozen=True, eq=False)
class _Canvas:
    """A scene in the making: colors [32, 32, 3], in gray levels, and classes [32, 32]."""

    colors: Numbers
    classes: Pixels

    def fill(self, where: NDArray[np.bool_], label: int, color: Numbers) -> None:
        """Paint and label a region."""
        self.colors[where] = color
        self.classes[where] = label


def make_scenes(count: int, seed: int) -> tuple[Pixels, Pixels]:
    """Return scenes, uint8 [count, 32, 32, 3], and their label maps, uint8 [count, 32, 32].

    Args:
        count: how many.
        seed: the same gives the same scenes.
    """
    draw = np.random.default_rng(seed)
    pixels = np.empty((count, SIZE, SIZE, 3), np.uint8)
    maps = np.empty((count, SIZE, SIZE), np.uint8)
    for i in range(count):
        canvas = _scene(draw)
        pixels[i], maps[i] = _photograph(canvas.colors, draw), canvas.classes
    return pixels, maps


def _scene(draw: Draw) -> _Canvas:
    """Return a scene without noise: sky, sun, then what lies below the horizon and stands on it."""
    canvas = _Canvas(np.empty((SIZE, SIZE, 3)), np.empty((SIZE, SIZE), np.uint8))
    horizon = int(draw.integers(8, 25))
    canvas.fill(_rows < horizon, _SKY, _shade(_BLUE, draw))
    stony = bool(draw.integers(2))
    shore = (horizon, SIZE, int(draw.integers(horizon, SIZE)))[int(draw.integers(3))]
    canvas.fill((_rows >= horizon) & (_rows < shore), _SEA, _shade(_BLUE, draw))
    canvas.fill(_rows >= shore, _GROUND, _shade(_GRAY if stony else _GREEN, draw))
    if draw.integers(3):
        _sun(canvas, horizon, draw)
    foot = shore if shore < SIZE else horizon
    for _ in range(int(draw.integers(5)) if shore < SIZE else 0):
        (_building if draw.integers(2) else _tree)(canvas, foot, draw)
    return canvas


def _sun(canvas: _Canvas, horizon: int, draw: Draw) -> None:
    """Put a sun into the sky, and its reflection as far below the horizon, if there is sea."""
    radius, column = int(draw.integers(2, 5)), int(draw.integers(SIZE))
    height, color = int(draw.integers(1, horizon)), _shade(_YELLOW, draw)
    for row, label, within in ((height, _SUN, _SKY), (2 * horizon - height, _SEA, _SEA)):
        disc = (_rows - row) ** 2 + (_columns - column) ** 2 <= radius**2
        canvas.fill(disc & (canvas.classes == within), label, color)


def _building(canvas: _Canvas, foot: int, draw: Draw) -> None:
    left, width, height = (int(draw.integers(*span)) for span in ((-2, SIZE), (3, 9), (4, 15)))
    across = (_columns >= left) & (_columns < left + width)
    upright = (_rows >= foot - height) & (_rows < foot + int(draw.integers(4)))
    canvas.fill(across & upright, _BUILDING, _shade(_GRAY, draw))


def _tree(canvas: _Canvas, foot: int, draw: Draw) -> None:
    middle, height, base = (int(draw.integers(*span)) for span in ((0, SIZE), (5, 15), (0, 4)))
    below_top = _rows - (foot + base - height)
    cone = (below_top >= 0) & (below_top < height)
    canvas.fill(cone & (2 * abs(_columns - middle) <= below_top), _TREE, _shade(_GREEN, draw))


def _shade(color: tuple[int, int, int], draw: Draw) -> Numbers:
    """Return a color of a region's own: brighter or darker, and of another tint."""
    shade: Numbers = np.array(color) + 50 * (draw.random() - 0.5) + 30 * (draw.random(3) - 0.5)
    return shade


def _photograph(colors: Numbers, draw: Draw) -> Pixels:
    """Return the picture of a scene: blotches, streaks, noise and light of the day, as bytes."""
    blotches = np.kron(draw.random((8, 8)) - 0.5, np.ones((4, 4)))
    streaks = draw.random((SIZE, 8)).repeat(4, axis=1) - 0.5
    noise = draw.random((SIZE, SIZE, 3)) + draw.random((SIZE, SIZE, 3)) - 1
    texture = 30 * blotches + 30 * streaks
    picture = (colors + texture[..., None] + 50 * noise) * (0.8 + 0.4 * draw.random())
    pixels: Pixels = picture.clip(0, 255).astype(np.uint8)
    return pixels

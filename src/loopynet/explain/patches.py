"""Positions of a layer's output, and the pixels that they see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from loopynet.explain.field import Axis, Field, window


@dataclass(frozen=True, eq=False)
class Grid:
    """Positions and the window of pixels about each.

    Attributes:
        places: int64 [P, 2], rows and columns in the layer's output.
        corners: int64 [P, 2], the first row and column of each window; may be outside the image.
        lows: the window's first pixel about step * place, in rows and in columns.
        size: height and width of the window.
        cut: whether some window reaches beyond the image.
    """

    places: Tensor
    corners: Tensor
    lows: tuple[int, int]
    size: tuple[int, int]
    cut: bool

    def columns(self, field: Field, channels: int) -> Tensor:
        """Return which of the window's pixels, flattened as [C, h, w], a smaller field has."""
        assert field is not None
        inside = torch.zeros(channels, *self.size, dtype=torch.bool)
        (top, bottom), (left, right) = (window(axis) for axis in field)
        down, across = self.lows
        inside[:, top - down : bottom - down + 1, left - across : right - across + 1] = True
        return inside.flatten().nonzero().squeeze(1)

    def field_size(self, field: Field) -> tuple[int, int]:
        """Return the height and width of a field."""
        assert field is not None
        height, width = (high - low + 1 for low, high in map(window, field))
        return height, width


def grid_of(
    field: Field, output: tuple[int, ...], image: tuple[int, ...], positions: int, seed: int
) -> Grid:
    """Draw positions whose window lies inside the image; or else take the middle ones.

    Only positions at whole pixels count, so that all of them see the image in the same way.

    Args:
        field: of the layer at the last unroll.
        output: height and width of its output.
        image: those of the image.
        positions: how many; all if there are fewer.
        seed: of the draw.
    """
    assert field is not None
    kinds = [_along(a, n, m) for a, n, m in zip(field, output, image, strict=True)]
    inside = [[o for o, fits in kind if fits] for kind in kinds]
    cut = len(inside[0]) * len(inside[1]) < min(positions, len(kinds[0]) * len(kinds[1]))
    if cut:
        least = round(positions**0.5 + 0.5)
        inside = [_middle([o for o, _ in kind], least) for kind in kinds]
    places = torch.cartesian_prod(*(torch.tensor(side) for side in inside)).reshape(-1, 2)
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed))
    places = places[order[:positions]]
    windows = [window(axis) for axis in field]
    lows = (windows[0][0], windows[1][0])
    corners = torch.stack(
        [
            torch.tensor([int(axis.step * o) + low for o in side.tolist()])
            for axis, side, low in zip(field, places.T, lows, strict=True)
        ],
        dim=1,
    )
    height, width = (high - low + 1 for low, high in windows)
    return Grid(places, corners, lows, (height, width), cut)


def _along(axis: Axis, output: int, image: int) -> list[tuple[int, bool]]:
    """Return the positions at whole pixels, and whether their window is inside."""
    low, high = window(axis)
    whole = [o for o in range(output) if (axis.step * o).denominator == 1]
    return [(o, axis.step * o + low >= 0 and axis.step * o + high < image) for o in whole]


def _middle(values: list[int], count: int) -> list[int]:
    start = max((len(values) - count) // 2, 0)
    return values[start : start + count]


def patches(images: Tensor, grid: Grid) -> Tensor:
    """Return the pixels [N, P, C * h * w] that each position sees; zeros beyond the border."""
    height, width = grid.size
    last = grid.corners + torch.tensor([height, width])
    left, top = (max(0, -int(grid.corners[:, i].min())) for i in (1, 0))
    right = max(0, int(last[:, 1].max()) - images.shape[3])
    bottom = max(0, int(last[:, 0].max()) - images.shape[2])
    padded = functional.pad(images, (left, right, top, bottom))
    cuts = [
        padded[:, :, row + top : row + top + height, column + left : column + left + width]
        for row, column in grid.corners.tolist()
    ]
    return torch.stack(cuts, dim=1).flatten(2)

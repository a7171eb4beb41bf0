"""Figures of maps: a row for each image, a column for each unroll.

Maps of one image share their colors over all unrolls, so that a fainter map is a smaller one. They
have a sign, and their colors, which are perceptually uniform, are symmetric about 0.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from loopynet.explain.gallery import FilterMaps
from loopynet.explain.merge_maps import MergeMap, overlay
from loopynet.page import chart_style

SIGNED = "berlin"
"""Blue for negative, black for 0, red for positive."""
CELL = 1.25
LEAST_PIXELS = 128


def filter_figure(images: Tensor, labels: Sequence[str], shown: FilterMaps) -> Figure:
    """Return the figure of one filter: the image, then its map at each unroll.

    Args:
        images: the originals [N, C, H, W], 0 to 1.
        labels: what is written beside each.
        shown: the maps.
    """
    maps, reach = shown.maps.detach().cpu().numpy(), shown.reach.tolist()
    with chart_style():
        figure, axes = _grid(images, labels, ["image", *shown.names])
        for row, most in enumerate(reach):
            for column in range(len(shown.unrolls)):
                axes[row, 1 + column].imshow(maps[column, row], SIGNED, vmin=-most, vmax=most)
            _scale(figure, axes[row, -1], SIGNED, -most, most)
    return figure


def merge_figure(images: Tensor, labels: Sequence[str], views: Sequence[MergeMap]) -> Figure:
    """Return the figure of one merge: the image, then at each unroll where the signal acts.

    Args:
        images: the originals [N, C, H, W], 0 to 1.
        labels: what is written beside each.
        views: the same merge at T unrolls; each has a map.
    """
    low, high = merge_range(views)
    with chart_style():
        figure, axes = _grid(images, labels, ["image", *(view.name for view in views)])
        for column, view in enumerate(views, start=1):
            assert view.attention is not None
            for row, picture in enumerate(overlay(images, view.attention, low, high)):
                axes[row, column].imshow(picture.movedim(0, -1).numpy())
        for row in range(len(images)):
            _scale(figure, axes[row, -1], "viridis", low, high)
    return figure


def merge_range(views: Sequence[MergeMap]) -> tuple[float, float]:
    """Return the ends of the colors of a merge's maps: 0 to 1 for shares, else what there is."""
    if views[0].measure == "share":
        return 0.0, 1.0
    values = torch.cat([v.attention.flatten() for v in views if v.attention is not None])
    return min(0.0, float(values.min())), max(float(values.max()), 1e-12)


def png(figure: Figure, dpi: int = 110) -> bytes:
    """Return a figure as the bytes of a PNG file, the same for the same figure."""
    stream = io.BytesIO()
    with chart_style():
        figure.savefig(stream, format="png", dpi=dpi, facecolor="white",
                       metadata={"Software": None})  # fmt: skip
    return stream.getvalue()


def map_png(values: Tensor, most: float) -> bytes:
    """Return a signed map [H, W] as a PNG file, its pixels enlarged; colors end at -most, most."""
    colors = mpl.colormaps[SIGNED](Normalize(-most, most)(values.detach().cpu().numpy()))
    return _pixels_png(torch.from_numpy(colors[..., :3]).movedim(-1, 0).float())


def overlay_png(picture: Tensor) -> bytes:
    """Return a picture [3, H, W], 0 to 1, as a PNG file, its pixels enlarged."""
    return _pixels_png(picture)


def _pixels_png(picture: Tensor) -> bytes:
    from PIL import Image

    times = max(1, -(-LEAST_PIXELS // min(picture.shape[1:])))
    large = functional.interpolate(picture[None], scale_factor=times, mode="nearest")[0]
    stream = io.BytesIO()
    pixels = (large.movedim(0, -1) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(pixels).save(stream, format="png")
    return stream.getvalue()


def _grid(
    images: Tensor, labels: Sequence[str], titles: Sequence[str]
) -> tuple[Figure, np.ndarray[Any, Any]]:
    """Return a figure whose first column shows the images, and its axes [N, columns]."""
    rows, columns = len(images), len(titles)
    figure = Figure(figsize=(CELL * columns + 0.9, CELL * rows + 0.3), layout="constrained")
    axes: np.ndarray[Any, Any] = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(False)
        for spine in axis.spines.values():
            spine.set_visible(False)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    for axis, image, label in zip(axes[:, 0], images, labels, strict=True):
        _show(axis, image)
        axis.set_ylabel(label, fontsize=9)
    return figure, axes


def _show(axis: Axes, image: Tensor) -> None:
    """Show an original [C, H, W]: its colors, or gray."""
    if len(image) == 3:
        axis.imshow(image.movedim(0, -1).numpy())
    else:
        axis.imshow(image.mean(0).numpy(), "gray", vmin=0, vmax=1)


def _scale(figure: Figure, axis: Axes, colors: str, low: float, high: float) -> None:
    """Draw the scale of a row beside its last map."""
    shades = ScalarMappable(Normalize(low, high), colors)
    bar = figure.colorbar(shades, ax=axis, fraction=0.06, pad=0.04, ticks=[low, high])
    bar.ax.set_yticklabels([f"{low:.2g}".replace("-", "−"), f"{high:.2g}"], fontsize=7)
    bar.outline.set_visible(False)

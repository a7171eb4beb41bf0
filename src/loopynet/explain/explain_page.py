"""`explain.html` and the pictures beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from torch import Tensor

from loopynet.explain.gallery import FilterMaps
from loopynet.explain.merge_maps import MergeMap, likeness, overlay
from loopynet.explain.pictures import (
    filter_figure,
    map_png,
    merge_figure,
    merge_range,
    overlay_png,
    png,
)
from loopynet.foreign import write_whole
from loopynet.page import Section, code, paragraph, picture, render_page, table

METHOD_WORDS = {
    "guided_backprop": "Guided backpropagation (Springenberg et al. 2015) of the sum of the filter "
    "over all positions: rectifiers pass gradients on that are positive, where they were open. "
    "Red: positive; blue: negative.",
    "gradient": "The derivative of the sum of the filter over all positions (Simonyan et al. "
    "2014). Red: a brighter pixel raises the filter; blue: it lowers it.",
    "deconvnet": "A deconvnet (Zeiler and Fergus 2014) from the sum of the filter over all "
    "positions: rectifiers pass positive gradients on, whether they were open or not.",
    "integrated_gradients": "Integrated gradients (Sundararajan et al. 2017) of the sum of the "
    "filter over all positions, from the mean image. Red: what is there raises the filter.",
    "occlusion": "Occlusion (Zeiler and Fergus 2014): by how much the sum of the filter over all "
    "positions falls when 3x3 pixels are covered. Red: it falls; blue: it rises.",
}
MEASURE_WORDS = {
    "factor": "Bright: the factor by which the loop multiplies the image is large (mean over "
    "channels). Colors from {low:.2g} to {high:.2g} at all unrolls.",
    "share": "Bright: the signal is large beside what it joins, |f| / (|x| + |f|) with means over "
    "channels. Colors from 0 to 1 at all unrolls.",
}


@dataclass(frozen=True, eq=False)
class Shown:
    """The images that a page shows.

    Attributes:
        pixels: the originals [N, C, H, W], 0 to 1.
        labels: the name of each one's class.
        numbers: where each stands in its split.
        split: train, validation or test.
    """

    pixels: Tensor
    labels: tuple[str, ...]
    numbers: tuple[int, ...]
    split: str

    @property
    def words(self) -> str:
        """Which images they are."""
        many = "image" if len(self.numbers) == 1 else "images"
        return f"{many} {', '.join(map(str, self.numbers))} of the {self.split} images"


def write_filter(folder: Path, shown: Shown, filter_: FilterMaps) -> Markup:
    """Write a filter's pictures into a folder; returns its figure for the page."""
    reach = filter_.reach.tolist()
    for row, number in enumerate(shown.numbers):
        for name, maps in zip(filter_.names, filter_.maps, strict=True):
            file = folder / name / f"filter_{filter_.filter}" / f"image_{number}.png"
            _write(file, map_png(maps[row], reach[row]))
    content = png(filter_figure(shown.pixels, shown.labels, filter_))
    _write(folder / f"{filter_.layer}-filter_{filter_.filter}.png", content)
    what = f"filter {filter_.filter} of {filter_.layer}"
    return picture(
        content,
        f"What {what} looks at in {shown.words} ({', '.join(shown.labels)}): one row for each "
        f"image, with the image and the maps at {', '.join(filter_.names)}",
        f"{what.capitalize()}. Each row has one scale for all unrolls, which 99 of 100 pixels "
        "do not exceed; black is 0. Maps are sums over the image's channels.",
    )


def write_merge(folder: Path, shown: Shown, views: Sequence[MergeMap]) -> Markup:
    """Write a merge's overlays into a folder; returns its figure for the page."""
    low, high = merge_range(views)
    for view in views:
        assert view.attention is not None
        for number, each in zip(
            shown.numbers, overlay(shown.pixels, view.attention, low, high), strict=True
        ):
            _write(folder / view.name / "overlay" / f"image_{number}.png", overlay_png(each))
    content = png(merge_figure(shown.pixels, shown.labels, views))
    edge = views[0].name.partition("@")[0]
    _write(folder / f"{edge}-merge.png", content)
    return picture(
        content,
        f"Where {edge} ({views[0].merge}) acts in {shown.words} ({', '.join(shown.labels)}): one "
        f"row for each image, with the image and it overlaid at {', '.join(v.name for v in views)}",
        f"{edge}, {views[0].merge}. " + MEASURE_WORDS[views[0].measure].format(low=low, high=high),
    )


def merge_section(folder: Path, shown: Shown, views: Mapping[str, MergeMap], x: Tensor) -> Section:
    """Return the section of all merges, with their likeness to the image."""
    groups: dict[str, list[MergeMap]] = {}
    for view in views.values():
        if view.attention is not None:
            groups.setdefault(view.name.partition("@")[0], []).append(view)
    figures = [write_merge(folder, shown, group) for group in groups.values()]
    rows = []
    for name, estimate in likeness(views, x).items():
        interval = "" if estimate.low is None else f"{estimate.low:.3f} to {estimate.high:.3f}"
        rows.append((name, views[name].merge, f"{estimate.mean:.3f}", interval))
    figures.append(
        table(
            ("merge", "by", "correlation", "95 % interval over images"), rows,
            "Correlation of what the merge gives with the image, in the images shown",
        )
    )  # fmt: skip
    return Section("Merges", Markup("\n").join(figures))


def explanation(
    title: str, command: str, method: str, shown: Shown, sections: Iterable[Section]
) -> str:
    """Return the page.

    Args:
        title: the run's name.
        command: what makes the page again.
        method: a name in METHODS.
        shown: the images.
        sections: what was found.
    """
    lead = Section("What is shown", Markup("\n").join([
        paragraph(METHOD_WORDS[method]),
        paragraph(f"Shown are {shown.words}; beside each stands its class."),
        code(command),
    ]))  # fmt: skip
    return render_page(f"What {title} looks at", [lead, *sections])


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, content)

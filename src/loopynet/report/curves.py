"""Learning curves: of one run, or of all seeds of a row with their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from loopynet.page import chart, chart_style, series_style
from loopynet.report.epochs import Epochs, Numbers
from loopynet.statistics import mean_over_seeds

Figures = Literal["loss", "accuracy"]
PARTS = ("train", "validation")
POINTS = 60_000
"""Of all thin lines of a page; more would make it heavy and show no more."""


@dataclass(frozen=True)
class Look:
    """How the curves of a page are drawn, so that they can be compared.

    Attributes:
        limits: of the vertical axis.
        points: the most points of a thin line.
    """

    limits: tuple[float, float]
    points: int


def look(runs: Sequence[Epochs], figures: Figures) -> Look | None:
    """Return how to draw these runs; None if none has such figures.

    A loss beyond three times that of a usual first epoch is cut off: it would hide all the others.
    """
    known = [
        c for run in runs for p in PARTS if (c := run.columns.get(f"{p}_{figures}")) is not None
    ]
    if not known:
        return None
    values = np.concatenate(known)
    values = values[~np.isnan(values)]
    high = values.max()
    if figures == "loss":
        high = min(high, 3 * np.nanmedian([column[0] for column in known]))
    low = values.min()
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    scale = 100 if figures == "accuracy" else 1
    points = max(20, POINTS // (4 * len(runs)))
    return Look((scale * (low - margin), scale * (high + margin)), points)


def run_curves(epochs: Epochs, figures: Figures, kept: int | None) -> Markup:
    """Return the curves of one run, with a mark at the epoch whose weights were kept."""
    limits = look([epochs], figures)
    if limits is None:
        return Markup("")
    with chart_style():
        figure, axes = _axes(figures, limits)
        for number, part in enumerate(PARTS):
            values = _values(epochs, part, figures)
            if values is not None:
                _line(axes, epochs.numbers, values, part, number)
        if kept is not None:
            axes.axvline(kept, color="#808080", linewidth=1, linestyle=":", label="weights kept")
        axes.legend()
    return chart(figure, _alt("", [epochs], figures), f"{figures.capitalize()} by epoch")


def row_curves(
    label: str, seeds: Sequence[Epochs], finished: Sequence[Epochs], figures: Figures, how: Look
) -> Markup:
    """Return the curves of a row: each seed a thin line, their mean a thick one with its interval.

    Args:
        label: of the row.
        seeds: every run of the row, finished or not.
        finished: those that count for the mean.
        figures: what to show.
        how: common to all rows of the page.
    """
    with chart_style():
        figure, axes = _axes(figures, how)
        for number, part in enumerate(PARTS):
            for epochs in seeds if len(seeds) > 1 else ():
                _thin(axes, epochs, part, figures, number, how.points)
            _mean(axes, finished or seeds, part, figures, number)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    return chart(figure, _alt(label, seeds, figures), f"{figures.capitalize()} by epoch")


def _axes(figures: Figures, how: Look) -> tuple[Figure, Axes]:
    figure = Figure()
    axes = figure.add_subplot(xlabel="epoch", ylabel=_unit(figures), ylim=how.limits)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axes


def _unit(figures: Figures) -> str:
    return "accuracy, %" if figures == "accuracy" else "loss, nats"


def _values(epochs: Epochs, part: str, figures: Figures) -> Numbers | None:
    values = epochs.columns.get(f"{part}_{figures}")
    return values if values is None or figures == "loss" else 100 * values


def _line(axes: Axes, x: Numbers, y: Numbers, label: str, number: int) -> None:
    style = series_style(number)
    axes.plot(x, y, label=label, markevery=max(1, len(x) // 8), linewidth=1.8, **style)


def _thin(
    axes: Axes, epochs: Epochs, part: str, figures: Figures, number: int, points: int
) -> None:
    values = _values(epochs, part, figures)
    if values is None:
        return
    chosen = np.unique(np.linspace(0, len(values) - 1, min(points, len(values))).astype(int))
    style = {"color": series_style(number)["color"], "linewidth": 0.6, "alpha": 0.5}
    axes.plot(epochs.numbers[chosen], values[chosen], **style)


def _mean(axes: Axes, runs: Sequence[Epochs], part: str, figures: Figures, number: int) -> None:
    """Draw the mean over runs as far as all of them go, and its 95 % interval over the seeds."""
    values = [v for run in runs if (v := _values(run, part, figures)) is not None]
    if not values:
        return
    length = min(map(len, values))
    stacked = np.stack([v[:length] for v in values])
    x = runs[0].numbers[:length]
    estimates = [mean_over_seeds(column) for column in stacked.T]
    _line(axes, x, np.array([e.mean for e in estimates]), part, number)
    if len(values) > 2:  # two seeds say almost nothing of the others: the band would hide all
        low = np.array([np.nan if e.low is None else e.low for e in estimates])
        high = np.array([np.nan if e.high is None else e.high for e in estimates])
        color = series_style(number)["color"]
        axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)


def _alt(label: str, runs: Sequence[Epochs], figures: Figures) -> str:
    """Say where the curves begin and end."""
    said = []
    for part in PARTS:
        values = [v for run in runs if (v := _values(run, part, figures)) is not None]
        if values:
            first, last = (np.mean([v[i] for v in values]) for i in (0, -1))
            form = ".1f" if figures == "accuracy" else ".3f"
            unit = " %" if figures == "accuracy" else ""
            said.append(f"{part} from {first:{form}}{unit} to {last:{form}}{unit}")
    epochs = max(int(run.numbers[-1]) for run in runs)
    of = f" of {label}" if label else ""
    several = f", means of {len(runs)} seeds" if len(runs) > 1 else ""
    return f"Learning curves{of}: {figures} over {epochs} epochs{several}: {'; '.join(said)}."

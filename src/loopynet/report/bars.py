"""Charts of rows beside each other: accuracy at every unroll, bars of time and memory."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from loopynet.page import chart, chart_style, series_style

SERIES = 6
"""The most lines of a chart: as many as there are colors."""

Accuracies = Sequence[tuple[str, int, Sequence[float]]]
"""Of each row its label, the first unroll that gives logits, and accuracies from there on."""


def unroll_charts(rows: Accuracies, part: str) -> list[Markup]:
    """Return accuracy by unroll, one line a row, in charts of one scale with few lines each.

    Args:
        rows: label, first unroll, and accuracy, 0 to 1, at each unroll from there on.
        part: which images: "test".
    """
    values = [100 * share for *_, shares in rows for share in shares]
    if not values:
        return []
    margin = 0.06 * (max(values) - min(values)) or 1.0
    limits = (min(values) - margin, max(values) + margin)
    first = min(first for _, first, _ in rows)
    last = max(first + len(shares) - 1 for _, first, shares in rows)
    parts = [rows[i : i + SERIES] for i in range(0, len(rows), SERIES)]
    return [_unrolls(some, part, limits, (first, last)) for some in parts]


def _unrolls(
    rows: Accuracies, part: str, limits: tuple[float, float], ends: tuple[int, int]
) -> Markup:
    alone = len(rows) == 1
    with chart_style():
        figure = Figure(figsize=(4.4, 3.1 if alone else 3.1 + 0.2 * len(rows)))
        axes = figure.add_subplot(xlabel="unroll", ylabel=f"{part} accuracy, %", ylim=limits)
        axes.set_xlim(ends[0] - 0.2, ends[1] + 0.2)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        lines = []
        for number, (_, first, shares) in enumerate(rows):
            y = [100 * share for share in shares]
            lines += axes.plot(range(first, first + len(y)), y, **series_style(number))
        if not alone:
            labels = [label for label, *_ in rows]
            figure.legend(lines, labels, loc="outside lower left")
    said = "; ".join(
        f"{label}: {_from(first)}{', '.join(f'{100 * share:.1f} %' for share in shares)}"
        for label, first, shares in rows
    )
    title = f"{part.capitalize()} accuracy by unroll"
    whose = f": {rows[0][0]}" if alone and rows[0][0] != part else ""
    return chart(figure, f"{title}. {said}.", title + whose)


def _from(first: int) -> str:
    return "" if first == 1 else f"from unroll {first} on "


def bars(title: str, unit: str, rows: Sequence[tuple[str, float]]) -> Markup:
    """Return one bar for each row, from the top down, with its label above and its figure behind.

    Args:
        title: what is measured.
        unit: of the figures.
        rows: label and figure.
    """
    if not rows:
        return Markup("")
    shown = [f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for _, value in rows]
    with chart_style():
        figure = Figure(figsize=(4.4, 0.5 + 0.42 * len(rows)))
        axes = figure.add_subplot(ylim=(len(rows) - 0.2, -0.85))
        axes.set_axis_off()
        most = max(value for _, value in rows) or 1.0
        axes.set_xlim(0, 1.25 * most)
        for number, ((label, value), text) in enumerate(zip(rows, shown, strict=True)):
            axes.barh(number, value, height=0.38, color=series_style(0)["color"])
            axes.text(0, number - 0.28, label, fontsize=9, va="bottom")
            axes.text(value + 0.02 * most, number, f"{text} {unit}", fontsize=9, va="center")
    said = "; ".join(
        f"{label}: {text} {unit}" for (label, _), text in zip(rows, shown, strict=True)
    )
    return chart(figure, f"{title}. {said}.", title)

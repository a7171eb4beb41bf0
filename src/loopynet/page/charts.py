"""Charts that matplotlib draws, in the colors of the page: legible in the dark, too."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from loopynet.page.pictures import figure as figure_element
from loopynet.page.pictures import inline

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#A87000")
"""Colors of Okabe and Ito, https://jfly.uni-koeln.de/color/, but those that fade on white; their
orange is darker here. All have a contrast of 3 to 1 on white and on the dark page. Black becomes
the color of the text."""

_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_STYLE: dict[Any, Any] = {
    "figure.figsize": (4.4, 3.1),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "axes.titlesize": 10.5,
    "lines.markersize": 4,
    "text.parse_math": False,  # a name may have dollar signs
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "loopynet",  # else ids are random
}
_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@contextmanager
def chart_style() -> Iterator[None]:
    """Set how charts look, for a while; a user's own matplotlib style moves nothing."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def series_style(number: int) -> dict[str, Any]:
    """Return color, dashes and marker of the series of this number, for `Axes.plot`.

    The first 30 differ in color or dashes; markers are a third sign.
    """
    return {
        "color": COLORS[number % len(COLORS)],
        "linestyle": _DASHES[number % len(_DASHES)],
        "marker": _MARKERS[number % len(_MARKERS)],
    }


def chart(figure: Figure, alt: str, caption: str = "") -> Markup:
    """Return a chart as a drawing in the page; black becomes the color of the page's text.

    Args:
        figure: what matplotlib drew, best inside `chart_style`.
        alt: what it shows, in words.
        caption: a line below it.

    Raises:
        ValueError: the chart has no alternative text.
    """
    stream = io.StringIO()
    with chart_style():
        figure.savefig(stream, format="svg", transparent=True, metadata=_METADATA)
    return figure_element(inline(_plain(stream.getvalue()), alt), caption, "chart")


def _plain(svg: str) -> str:
    """Return matplotlib's SVG in the page's colors, without names and digits that nobody needs."""
    svg = svg.replace("#000000", "currentColor")
    used = set(re.findall(r"""#([\w.-]+)["')]""", svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda m: m[0] if m[1] in used else "", svg)
    return re.sub(r"(\d+\.\d\d)\d+", r"\1", svg)

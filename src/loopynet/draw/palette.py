"""Colors that color-blind readers tell apart, too."""

from __future__ import annotations

LAYERS = (
    "#77AADD",
    "#EEDD88",
    "#44BB99",
    "#FFAABB",
    "#BBCC33",
    "#99DDFF",
    "#EE8866",
    "#AAAA00",
)
"""Fills behind black text: the light scheme of Paul Tol, https://personal.sron.nl/~pault/."""

ONCE = "#E4E4E4"
"""Fill of layers that run once."""

LINES = {"main": "#333333", "loop": "#D55E00", "skip": "#0072B2"}
"""Of arrows: black, vermilion and blue of Okabe and Ito, https://jfly.uni-koeln.de/color/."""

SECTIONS = {"trunk": "#F7F7F7", "body": "#EEF3F8", "head": "#F7F7F7"}
"""Behind the sections."""

BORDER = "#4D4D4D"


def layer_color(number: int | None) -> str:
    """Return the color of a layer by its number among those that run in every unroll."""
    return ONCE if number is None else LAYERS[number % len(LAYERS)]

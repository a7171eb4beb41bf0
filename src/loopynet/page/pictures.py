"""Pictures in the page itself, each with a text for those who do not see it."""

from __future__ import annotations

import base64
import re

from markupsafe import Markup

_NOISE = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>|<style\b.*?</style>", re.DOTALL
)
"""What a file of its own needs. A style would reach beyond its drawing; page.css has that of
matplotlib."""

_NAMED = re.compile(r' (?:role|aria-label|id)="[^"]*"')


def picture(png: bytes, alt: str, caption: str = "") -> Markup:
    """Return a picture.

    Args:
        png: the bytes of a PNG file.
        alt: what it shows, in words.
        caption: a line below it.

    Raises:
        ValueError: the picture has no alternative text.
    """
    data = base64.b64encode(png).decode()
    image = Markup('<img src="data:image/png;base64,{}" alt="{}">').format(data, _said(alt))
    return figure(image, caption)


def drawing(svg: str, alt: str, caption: str = "") -> Markup:
    """Return a drawing on white paper, in its own size; where it is too wide it scrolls.

    Args:
        svg: an SVG file whose texts are escaped, such as those of `loopynet.draw`.
        alt: what it shows, in words.
        caption: a line below it.

    Raises:
        ValueError: the drawing has no alternative text.
    """
    paper = Markup('<div class="paper scroll" tabindex="0" role="group" aria-label="{}">{}</div>')
    return figure(paper.format(caption or "drawing", inline(svg, alt)), caption)


def side_by_side(*figures: Markup) -> Markup:
    """Return figures and tables beside each other, and below each other where there is no room."""
    return Markup('<div class="side-by-side">{}</div>').format(Markup("\n").join(figures))


def inline(svg: str, alt: str, role: str = "img") -> Markup:
    """Return an SVG file as an element of a page, named by its alternative text.

    Args:
        svg: as for `drawing`.
        alt: what it shows, in words.
        role: `img`, or `group` if it has parts that can be chosen.
    """
    bare = _NOISE.sub("", svg).strip()
    end = bare.index(">")
    head = _NAMED.sub("", bare[:end])
    named = Markup('{} role="{}" aria-label="{}">').format(Markup(head), role, _said(alt))
    return named + Markup(bare[end + 1 :])


def figure(content: Markup, caption: str, kind: str = "") -> Markup:
    """Return a figure, with its caption if it has one."""
    below = Markup("<figcaption>{}</figcaption>").format(caption) if caption else ""
    opened = Markup('<figure class="{}">').format(kind) if kind else Markup("<figure>")
    return opened + content + below + Markup("</figure>")


def _said(alt: str) -> str:
    if not alt.strip():
        raise ValueError("a picture needs an alternative text")
    return alt

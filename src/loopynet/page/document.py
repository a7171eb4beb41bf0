"""A whole document from its sections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r'(\bid="|href="#|url\(#)')


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: its heading, plain text.
        body: HTML made by the functions of this package, which escape every text.
    """

    title: str
    body: Markup


def render_page(title: str, sections: Sequence[Section], lead: str = "") -> str:
    """Return a whole HTML document that loads nothing and runs no script.

    Args:
        title: of the document, plain text.
        sections: its parts, in order.
        lead: a sentence below the title, plain text; Markup stays as it is.
    """
    template = _templates().get_template("page.html.j2")
    html = template.render(title=title, lead=lead, sections=sections)
    return _with_unique_ids(html)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("loopynet.page", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _with_unique_ids(html: str) -> str:
    """Return a document in which no two drawings have an id in common.

    Within a drawing every id, and what refers to it, gets the number of the drawing in front. Only
    tags are changed: a text may say `id="x"`.
    """
    numbers = count(1)

    def numbered(svg: re.Match[str]) -> str:
        prefix = f"s{next(numbers)}-"
        return _TAG.sub(lambda tag: _ID.sub(rf"\g<1>{prefix}", tag[0]), svg[0])

    return _SVG.sub(numbered, html)

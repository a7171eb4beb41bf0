"""Reads an HTML page: its tables, figures and texts, and what is wrong with it."""

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input"}
LOADING = ("src", "href", "xlink:href", "action", "data", "poster", "srcset")


class Page(HTMLParser):
    """A parsed page.

    Attributes:
        tables: by caption or first heading; each a list of rows, the head first.
        figures: (tag, alternative text) of every picture and drawing.
        texts: the text of each element, by tag, in order.
        ids: of all elements.
        references: what attributes and styles refer to.
        unclosed: tags that were not closed, or closed in the wrong order.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tables: dict[str, list[list[str]]] = {}
        self.figures: list[tuple[str, str]] = []
        self.texts: dict[str, list[str]] = {}
        self.ids: list[str] = []
        self.references: list[str] = []
        self.unclosed: list[str] = []
        self.tags: list[str] = []
        self._open: list[tuple[str, list[str]]] = []
        self._rows: list[list[str]] = []
        self.feed(html)
        self.close()
        self.unclosed += [tag for tag, _ in self._open]

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if "id" in values:
            self.ids.append(values["id"])
        self.references += [values[name] for name in LOADING if name in values]
        for value in values.values():
            self.references += re.findall(r"url\(([^)]*)\)", value)
        if tag == "img":
            self.figures.append((tag, values.get("alt", "")))
        if tag == "svg":
            named = values.get("aria-label", "") if values.get("role") == "img" else ""
            self.figures.append((tag, named))
        if tag == "div" and values.get("role") == "region":
            self._name = values["aria-label"]
        if tag == "table":
            self._rows = self.tables.setdefault(self._name, [])
        if tag == "tr":
            self._rows.append([])
        if tag not in VOID:
            self._open.append((tag, []))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        if not self._open or self._open[-1][0] != tag:
            self.unclosed.append(tag)
            return
        _, parts = self._open.pop()
        text = "".join(parts)
        self.texts.setdefault(tag, []).append(text)
        if tag in ("td", "th"):
            self._rows[-1].append(text)
        if self._open:
            self._open[-1][1].append(text)

    def handle_data(self, data):
        if self._open:
            self._open[-1][1].append(data)
        if self._open and self._open[-1][0] == "style":
            self.references += re.findall(r"url\(([^)]*)\)|@import", data)

    @property
    def text(self) -> str:
        """Everything that the body says."""
        return self.texts["body"][0]


def read_page(html: str) -> Page:
    """Return a page after checking what must hold for every one."""
    page = Page(html)
    assert page.unclosed == []
    assert all(alt.strip() for _, alt in page.figures), page.figures
    outside = [r for r in page.references if not r.startswith(("#", "data:image/png;base64,"))]
    assert outside == []
    assert len(page.ids) == len(set(page.ids)), "an id twice"
    inside = [r[1:] for r in page.references if r.startswith("#")]
    assert set(inside) <= set(page.ids), "a reference to nothing"
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    return page

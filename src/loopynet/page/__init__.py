"""A page of HTML that stands alone: no scripts, nothing loaded. Start with `document.py`."""

from loopynet.page.charts import chart, chart_style, series_style
from loopynet.page.document import Section, render_page
from loopynet.page.elements import bullets, code, details, heading, paragraph, table
from loopynet.page.pictures import drawing, picture, side_by_side

__all__ = [
    "Section",
    "bullets",
    "chart",
    "chart_style",
    "code",
    "details",
    "drawing",
    "heading",
    "paragraph",
    "picture",
    "render_page",
    "series_style",
    "side_by_side",
    "table",
]

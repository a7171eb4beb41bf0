"""Pictures and drawings in the page."""

import base64
import re

import pytest

from loopynet.page import Section, drawing, picture, render_page, side_by_side
from reference.html_pages import read_page

SVG = '<svg width="9"><path d="M0 0"/></svg>'


def test_a_picture_is_in_the_page_byte_for_byte():
    png = bytes(range(256))
    html = picture(png, 'a "quoted" <text>', "below & beyond")
    page = read_page(render_page("t", [Section("s", html)]))
    assert page.figures == [("img", 'a "quoted" <text>')]
    assert page.texts["figcaption"] == ["below & beyond"]
    assert base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]) == png


@pytest.mark.parametrize("make", [lambda alt: picture(b"", alt), lambda alt: drawing(SVG, alt)])
def test_an_alternative_text_is_mandatory(make):
    for alt in ("", "  "):
        with pytest.raises(ValueError, match="alternative text"):
            make(alt)


def test_a_drawing_keeps_neither_its_prolog_nor_another_name():
    svg = f'<?xml version="1.0"?>\n<!DOCTYPE svg>\n<!-- x -->{SVG}'.replace(
        "<svg", '<svg role="img" aria-label="old" id="i"'
    )
    html = drawing(svg, "new")
    assert "old" not in html
    assert "<?xml" not in html
    assert "DOCTYPE" not in html
    assert read_page(render_page("t", [Section("s", html)])).figures == [("svg", "new")]


def test_figures_stand_side_by_side():
    html = side_by_side(picture(b"1", "one"), picture(b"2", "two"))
    page = read_page(render_page("t", [Section("s", html)]))
    assert [alt for _, alt in page.figures] == ["one", "two"]

"""A whole page stands alone, says texts as they are, and gives every drawing ids of its own."""

import re

from loopynet.page import Section, drawing, paragraph, render_page, table
from reference.html_pages import read_page

EVIL = '<script>alert("1 & 2")</script>'
SVG = (
    '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x/y.dtd">'
    '<svg role="img" xmlns="http://www.w3.org/2000/svg" width="9"><title>t</title>'
    '<style type="text/css">*{fill: red}</style>'
    '<defs><path id="a" d="M0 0"/></defs><use href="#a" clip-path="url(#a)"/>'
    '<text>id="a" url(#a)</text></svg>'
)


def test_every_text_is_said_as_it_is():
    body = paragraph(EVIL) + table([EVIL, "b"], [[EVIL, EVIL]], EVIL)
    page = read_page(render_page(EVIL, [Section(EVIL, body)], EVIL))
    assert page.texts["title"] == page.texts["h1"] == page.texts["h2"] == [EVIL]
    assert page.texts["p"] == [EVIL, EVIL]
    assert page.tables == {EVIL: [[EVIL, "b"], [EVIL, EVIL]]}


def test_markup_stays_markup():
    page = read_page(render_page("t", [Section("s", paragraph("a"))], lead=paragraph("<b>")))
    assert "&lt;p&gt;" not in page.html
    assert "&lt;b&gt;" in page.html


def test_the_same_drawing_twice_has_ids_of_its_own_and_its_texts_as_they_were():
    body = drawing(SVG, "one") + drawing(SVG, "two")
    page = read_page(render_page("t", [Section("s", body), Section("s", drawing(SVG, "three"))]))
    assert len(page.ids) == 3
    assert page.references == [r for i in page.ids for r in (f"#{i}", f"#{i}")]
    assert page.texts["text"] == ['id="a" url(#a)'] * 3
    assert page.figures == [("svg", "one"), ("svg", "two"), ("svg", "three")]


def test_a_page_has_what_a_phone_the_dark_and_a_printer_need():
    html = render_page("t", [])
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert "default-src 'none'" in html
    for condition in ("prefers-color-scheme: dark", "print"):
        assert re.search(rf"@media \(?{condition}", html)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors, 1 to 21 (WCAG 2.2)."""

    def light(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_texts_and_lines_stand_out_by_day_and_by_night():
    from loopynet.page.charts import COLORS

    css = render_page("t", [])
    schemes = [dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in css.split("@media")[:2]]
    assert schemes[0] != schemes[1]
    for scheme in schemes:
        assert contrast(scheme["text"], scheme["back"]) > 10
        assert contrast(scheme["faint"], scheme["back"]) > 4.5
        assert contrast(scheme["text"], scheme["shade"]) > 7
        for color in COLORS:
            if color != "#000000":  # which is the text's color
                assert contrast(color, scheme["back"]) >= 2.95, (color, scheme)

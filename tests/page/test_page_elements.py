"""Texts, lists and tables."""

import pytest
from markupsafe import Markup

from loopynet.page import Section, bullets, code, details, heading, render_page, table
from reference.html_pages import read_page


def shown(body):
    return read_page(render_page("t", [Section("s", body)]))


def test_a_list_a_heading_and_code_keep_their_texts():
    page = shown(bullets(["a < b", "c"]) + heading("x & y") + code("a: <b>\n  c: 1\n"))
    assert page.texts["li"] == ["a < b", "c"]
    assert page.texts["h3"] == ["x & y"]
    assert page.texts["code"] == ["a: <b>\n  c: 1\n"]
    assert bullets([]) == Markup("")


def test_details_hide_text_or_markup():
    page = shown(details("more <i>", code("<x>")) + details("plain", "<y>"))
    assert page.texts["summary"] == ["more <i>", "plain"]
    assert "&lt;y&gt;" in page.html
    assert page.texts["code"] == ["<x>"]


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (["1", "23,456", ""], True),
        (["56.40 (53.10 to 59.70)", "+1.20 (-0.30 to +2.70)"], True),
        (["< 0.0001", "0.5"], True),
        (["3 MiB", "1,024 MiB"], True),
        (["2/3", "10 of 12"], False),
        (["a1"], False),
        (["", ""], False),
    ],
)
def test_columns_of_figures_stand_to_the_right(cells, numeric):
    html = table(["name", "x"], [["n", cell] for cell in cells])
    assert html.count('<td class="number">') == (len(cells) if numeric else 0)
    assert ('<th scope="col" class="number">x' in html) == numeric


def test_a_table_scrolls_in_a_box_that_has_a_name():
    html = table(["name", "x"], [["n", 1]], "Figures")
    assert html.startswith('<div class="scroll" role="region" aria-label="Figures" tabindex="0">')
    assert "<caption>Figures</caption>" in html
    assert '<th scope="row">n</th>' in html


def test_the_heads_of_names_stand_above_them():
    html = table(["unroll", "loss"], [["1", "0.5"], ["2", "0.25"]])
    assert '<th scope="col">unroll</th>' in html
    assert '<th scope="row">1</th>' in html


def test_a_row_that_is_too_long_or_too_short_is_a_mistake():
    with pytest.raises(ValueError, match="2 cells"):
        table(["a", "b"], [["1", "2", "3"]])

"""Charts: legible in the dark, escaped, small, the same every time."""

import itertools
import re

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from loopynet.page import Section, chart, chart_style, render_page, series_style
from reference.html_pages import read_page


def drawn(points=3, label="a"):
    with chart_style():
        figure = Figure()
        axes = figure.add_subplot(title="<b>", xlabel="a & b", ylabel="$x^2$")
        axes.plot(range(points), range(points), label=label, **series_style(4))
        axes.legend()
    return figure


def test_texts_and_black_lines_have_the_color_of_the_page():
    html = chart(drawn(), "alt")
    assert "#000000" not in html
    assert "currentColor" in html
    assert "#ffffff" not in html.lower(), "a white box would blind in the dark"


def test_texts_are_texts_and_are_said_as_they_are():
    html = render_page("t", [Section("s", chart(drawn(label="<i> $5"), 'alt "x"', "below"))])
    page = read_page(html)
    assert {"<b>", "a & b", "$x^2$", "<i> $5"} <= set(page.texts["text"])
    assert page.figures == [("svg", 'alt "x"')]
    assert page.texts["figcaption"] == ["below"]


def test_two_charts_have_ids_of_their_own():
    sections = [Section("s", chart(drawn(), "one")), Section("s", chart(drawn(), "two"))]
    assert len(read_page(render_page("t", sections)).ids) > 2


def test_the_same_chart_gives_the_same_bytes_and_a_users_style_moves_nothing():
    first = chart(drawn(), "alt")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert chart(drawn(), "alt") == first


def test_the_style_lasts_for_a_while_only():
    before = dict(mpl.rcParams)
    with chart_style():
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert dict(mpl.rcParams) == before


def test_coordinates_have_no_digits_that_nobody_sees():
    html = chart(drawn(100), "alt")
    assert re.search(r"\d\.\d\d", html)
    assert not re.search(r"\d\.\d{3}", html)


def test_an_alternative_text_is_mandatory():
    with pytest.raises(ValueError, match="alternative text"):
        chart(drawn(), "")


def test_series_differ_in_more_than_color():
    styles = [series_style(i) for i in range(30)]
    for one, other in itertools.combinations(styles, 2):
        assert (one["color"], str(one["linestyle"])) != (other["color"], str(other["linestyle"]))
    for one, other in itertools.pairwise(styles):
        assert one["color"] != other["color"]
        assert one["marker"] != other["marker"]
        assert one["linestyle"] != other["linestyle"]

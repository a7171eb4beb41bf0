"""Bars, and lines by unroll."""

from loopynet.report.bars import SERIES, bars, unroll_charts


def test_many_rows_are_split_into_charts_of_one_scale():
    rows = [(f"row {i}", 1, (0.1, 0.1 * i)) for i in range(SERIES + 2)]
    charts = unroll_charts(rows, "test")
    assert len(charts) == 2
    assert "row 0: 10.0 %, 0.0 %" in charts[0]
    assert f"row {SERIES + 1}: 10.0 %, 70.0 %" in charts[1]
    for tick in ("60</text>", "20</text>"):
        assert all(tick in chart for chart in charts)


def test_unrolls_have_their_numbers_where_the_first_ones_give_no_logits():
    (chart,) = unroll_charts([("late", 4, (0.1, 0.2, 0.3))], "test")
    assert "late: from unroll 4 on 10.0 %, 20.0 %, 30.0 %" in chart
    assert all(f">{t}</text>" in chart for t in (4, 5, 6))


def test_no_rows_give_no_charts():
    assert unroll_charts([], "test") == []
    assert bars("Time", "s", []) == ""


def test_bars_say_their_figures():
    html = bars("Time", "s", [("a <b>", 1.25), ("c", 1_500.4)])
    assert 'aria-label="Time. a &lt;b&gt;: 1.2 s; c: 1,500 s."' in html
    assert "a &lt;b&gt;</text>" in html
    assert "1,500 s</text>" in html

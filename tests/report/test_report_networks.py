"""Which drawings a page has."""

from loopynet import load_spec
from loopynet.page import Section, render_page
from loopynet.report.networks import MANY, all_drawings, network_drawings
from reference.html_pages import read_page


def captions(html):
    return read_page(render_page("t", [Section("s", html)])).texts["figcaption"]


def test_a_network_without_loops_has_nothing_to_unroll():
    assert captions(network_drawings(load_spec("cifar10-vanilla"))) == ["cifar10-vanilla, folded"]
    looped = captions(network_drawings(load_spec("digits-loopy")))
    assert looped == ["digits-loopy, folded", "digits-loopy, unrolled"]


def test_many_networks_are_hidden_until_asked_for():
    rows = [(f"n{i}", load_spec("digits-loopy", (f"name=n{i}",))) for i in range(MANY)]
    few, many = all_drawings(rows[:2]), all_drawings(rows)
    assert not few.startswith("<details>")
    assert many.startswith("<details><summary>n0</summary>")
    assert len(captions(many)) == 2 * MANY

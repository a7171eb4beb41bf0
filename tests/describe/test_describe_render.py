import io
import subprocess
import sys

import pytest
from describe_examples import CROSSING, chain, graph_of, published
from rich.console import Console

from loopynet.describe import render


@pytest.fixture(scope="module")
def cifar10_loopy():
    return published()


def rendered(graph, width, **options):
    file = io.StringIO()
    render(graph, Console(file=file, width=width, **options), batch_size=32)
    return file.getvalue()


@pytest.mark.parametrize("width", [50, 60, 72, 80, 100, 120, 160])
def test_no_line_is_wider_than_the_console(cifar10_loopy, width):
    text = rendered(cifar10_loopy, width)
    assert max(map(len, text.split("\n"))) <= width
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [72, 80, 100, 120, 160])
def test_a_network_of_many_edges_fits_too_and_nothing_is_cut_off(width):
    graph = graph_of(CROSSING)
    text = rendered(graph, width)
    assert max(map(len, text.split("\n"))) <= width
    for name in (*graph.layers, *(edge.name for edge in graph.edges)):
        assert f"{name} " in text
    assert "…" not in text
    assert "12,742,816" in text


def test_eighty_columns_keep_the_published_network_on_one_line_each(cifar10_loopy):
    lines = rendered(cifar10_loopy, 80).split("\n")
    row = next(line for line in lines if line.startswith("conv_2"))
    words = "conv_2 conv2d 3x3, 64 filters, relu batch per step 3 37,312 113,246,208"
    assert " ".join(row.split()) == words
    assert len(lines) < 26


def test_a_wide_console_shows_every_column(cifar10_loopy):
    text = rendered(cifar10_loopy, 160)
    for title in ("norm", "input", "output", "runs", "params", "statistics", "multiply-adds"):
        assert title in text
    for fact in ("71,967", "72,753 with 786", "123,893,760", "3.00 times k = 1", "149.2 MiB"):
        assert fact in text


def test_numbers_in_a_narrow_drawing_are_found_in_the_table_of_edges():
    lines = rendered(graph_of(CROSSING), 80).split("\n")
    assert any(line.startswith("2 │") for line in lines)
    assert any(line.split()[:2] == ["2", "inner"] for line in lines)


def test_a_feed_forward_network_has_no_table_of_edges():
    text = rendered(chain(3), 80)
    assert "edge" not in text
    assert "unroll" not in text


def test_long_names_are_broken_rather_than_lost():
    name = "x" * 60
    text = rendered(graph_of(CROSSING.replace("c3", name)), 80)
    assert max(map(len, text.split("\n"))) <= 80
    assert text.count("x") > 3 * 60


def test_a_console_without_unicode_gets_ascii():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    render(graph_of(CROSSING), Console(file=file, width=90), batch_size=32)
    file.seek(0)
    assert file.read().isascii()


def test_a_terminal_gets_color(cifar10_loopy):
    assert "\x1b[36m" in rendered(cifar10_loopy, 80, force_terminal=True, color_system="standard")


def test_describing_does_not_import_torch():
    code = "import sys, loopynet.describe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

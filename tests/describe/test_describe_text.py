from collections import Counter

import pytest
from describe_examples import CROSSING, chain, graph_of, published
from drawing_trace import trace_arcs
from hypothesis import given, settings
from hypothesis import strategies as st

from loopynet.describe import draw_text
from loopynet.describe.rows import arc_rows, drawing_rows
from loopynet.graph import build_graph
from loopynet.zoo import load_spec, zoo_names

CIFAR10_LOOPY = """\
             ○  input                                                      [3, 32, 32]
┄┄┄┄┄┄┄┄┄┄┄┄┄│┄┄ loopy section, x3 unrolls ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
feedback ╭─▶(+) conv_1  conv2d 3x3, 64 filters, relu, batch norm per step  [64, 32, 32]
         │   ●  conv_2  conv2d 3x3, 64 filters, relu, batch norm per step  [64, 32, 32]
         ╰───●  conv_3  conv2d 3x3, 3 filters, relu, batch norm per step   [3, 32, 32]
┄┄┄┄┄┄┄┄┄┄┄┄┄│┄┄ head ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
             ●  fc_1    dense 10 units                                     [10]"""

CROSSING_ASCII = """\
             o    input                           [3, 32, 32] --------.
=============|==== trunk ======================================       |
             *    stem    conv2d 3x3, 16 filters  [16, 16, 16]        |
=============|==== loopy section, x4 unrolls ==================       |
1 .-------->(+)                                                       |
2 |   .---->(x)   c1      conv2d 3x3, 16 filters  [16, 16, 16] -----. |
3 | .-+--->(gate) c2      conv2d 3x3, 16 filters  [16, 16, 16]      | |
4 | | | .->(mean) c3      conv2d 3x3, 16 filters  [16, 16, 16]      | |
  | | | '----+                                                      | |
  | | '------+                                                      | |
  | '--------*    c4      conv2d 3x3, 16 filters  [16, 16, 16] (+)<-' | 5
  '----------*    c5      conv2d 3x3, 16 filters  [16, 16, 16] (+)<---' 6
=============|==== head =======================================
             *    pool    global_pool mean        [16]
             *    logits  dense 10 units          [10]

 1 outer     c5 -> c1, sum
 2 inner     c3 -> refine -> squash -> c1, mul, delay 2
 3 across    c4 -> c2, gate
 4 own       c3 -> c3, mean, initial zero
 5 residual  c1 -> c4, sum
 6 raw       input -> c5, sum, project"""


@pytest.fixture(scope="module")
def crossing():
    return graph_of(CROSSING)


def test_the_published_network_is_drawn_like_this():
    assert draw_text(published()) == CIFAR10_LOOPY


@pytest.mark.parametrize("name", zoo_names())
def test_zoo_networks_are_drawn_whole_within_a_hundred_columns(name):
    graph = build_graph(load_spec(name))
    text = draw_text(graph)
    check_arcs(graph, text)
    assert max(map(len, text.split("\n"))) <= 100


def test_crossing_loops_and_skips_are_drawn_like_this(crossing):
    assert draw_text(crossing, unicode=False, width=80) == CROSSING_ASCII


def test_untied_weights_and_a_readout_at_each_unroll_are_said():
    drawing = draw_text(published("unroll.tied=false", "readout=each"))
    assert "loopy section, x3 unrolls, untied weights" in drawing
    assert "head, at every unroll" in drawing


def test_a_network_without_loops_is_a_plain_chain():
    drawing = draw_text(published("unroll.steps=1"))
    assert [line.split()[:2] for line in drawing.split("\n")] == [
        ["○", "input"],
        ["●", "conv_1"],
        ["●", "conv_2"],
        ["●", "conv_3"],
        ["●", "fc_1"],
    ]


def test_ample_room_puts_everything_in_the_labels_and_leaves_no_legend(crossing):
    drawing = draw_text(crossing, width=200)
    assert "inner via refine, squash, delay 2 │" in drawing
    assert "\n\n" not in drawing


@pytest.mark.parametrize("width", [40, 60, 70, 80, 90, 100, 120, 160])
def test_a_drawing_fits_its_width_and_names_every_layer_and_edge(crossing, width):
    drawing = draw_text(crossing, width=width)
    lines = drawing.split("\n")
    assert all(line == line.rstrip() for line in lines)
    if width >= 70:
        assert max(map(len, lines)) <= width
    for name in (*crossing.main, *(edge.name for edge in crossing.edges)):
        assert name in drawing


def test_a_long_name_is_cut_off_and_whole_in_the_legend():
    name = "a_long_name_" * 5
    graph = graph_of(CROSSING.replace("c3", name))
    drawing, legend = draw_text(graph, width=80).split("\n\n")
    assert max(map(len, drawing.split("\n"))) <= 80
    assert name[:23] + "…" in drawing
    assert name in legend
    assert draw_text(graph, unicode=False, width=80).isascii()


@pytest.mark.parametrize("unicode", [True, False])
def test_four_crossing_loops_and_five_skips_in_twenty_layers(unicode):
    graph = chain(
        20,
        loops="""a: {from: l15, to: l2}, b: {from: l9, to: l5, merge: mul},
          c: {from: l12, to: l7, merge: concat}, d: {from: l18, to: l11, delay: 2}""",
        skips="""s1: {from: input, to: l3}, s2: {from: l3, to: l8}, s3: {from: l8, to: l19},
          s4: {from: l4, to: l8, merge: max}, s5: {from: l10, to: l14}""",
    )
    check_arcs(graph, draw_text(graph, unicode))
    assert max(map(len, draw_text(graph, unicode).split("\n"))) <= 100


@given(data=st.data(), unicode=st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_arc_can_be_followed_from_its_arrow_to_its_source(data, unicode):
    length = data.draw(st.integers(2, 9))
    merges = st.sampled_from(["sum", "mul", "mean", "gain"])
    pairs = st.tuples(st.integers(0, length - 1), st.integers(0, length - 1), merges)
    loops = [(max(a, b), min(a, b), m) for a, b, m in data.draw(st.lists(pairs, max_size=6))]
    skips = [(min(a, b) - 1, max(a, b), m) for a, b, m in data.draw(st.lists(pairs, max_size=6))]
    graph = chain(length, loops=edges("loop", loops), skips=edges("skip", skips))
    check_arcs(graph, draw_text(graph, unicode))


def edges(kind, found):
    return ", ".join(
        f"{kind}{i}: {{from: {'input' if a < 0 else f'l{a}'}, to: l{b}, merge: {m}}}"
        for i, (a, b, m) in enumerate(found)
    )


def check_arcs(graph, text):
    traces = trace_arcs(text, {"input", *graph.main})
    marks = {"sum": "+", "mul": "×" if "○" in text else "x"}
    expected = Counter(
        (e.kind, e.source, e.target, marks.get(e.merge, e.merge)) for e in graph.edges
    )
    assert Counter(trace.edge for trace in traces) == expected
    lines = text.split("\n")
    cells = Counter(cell for trace in traces for cell in trace.cells)
    for (row, x), count in cells.items():
        assert (count == 2) == (lines[row][x] in "┼+")
        assert count <= 2
    corners = Counter(character for line in lines for character in line if character in "╭╮╰╯")
    assert corners.total() in (0, 2 * len(graph.edges))
    for kind, arcs in (("loop", graph.loops), ("skip", graph.skips)):
        used = {corner_column(trace, kind) for trace in traces if trace.kind == kind}
        assert len(used) == deepest([arc_rows(drawing_rows(graph), arc) for arc in arcs])


def corner_column(trace, kind):
    columns = [x for _, x in trace.cells]
    return min(columns) if kind == "loop" else max(columns)


def deepest(spans):
    return max((sum(a <= row <= b for a, b in spans) for row, _ in spans), default=0)


AREAS = """
name: areas
input: {shape: [4, 8, 8]}
layers:
  v1: {type: conv2d, filters: 4}
  v2_in: {type: conv2d, filters: 4}
  v2: {type: conv2d, filters: 4}
  fc: {type: dense, units: 10}
main: [v1, v2_in, v2, fc]
loops: {one: {from: v1, to: v1}, two: {from: v2, to: v2}}
skips: {over: {from: v1, to: v2}}
unroll: {steps: 4, schedule: parallel, delays: {v2_in: 0}, initial: zero}
"""


def test_delays_are_said_where_they_are():
    drawing = draw_text(graph_of(AREAS), width=100)
    assert "loopy section, x4 unrolls, parallel, from zeros" in drawing
    (line,) = (line for line in drawing.split("\n") if "4 filters, delay 1" in line)
    assert " v2 " in line
    assert "over, delay 1" in drawing

import dataclasses

import pytest
from describe_examples import CROSSING, chain, graph_of, published

from loopynet.describe import EdgeRow, LayerRow, edge_rows, layer_rows, summarize
from loopynet.graph import build_graph, costs
from loopynet.spec import parse_spec

GRAPHS = {
    "crossing": CROSSING,
    "untied": CROSSING.replace("steps: 4", "steps: 4, tied: false"),
    "once": CROSSING.replace("delay: 2", "delay: 1").replace("steps: 4", "steps: 1"),
}


@pytest.fixture(params=GRAPHS)
def graph(request):
    return graph_of(GRAPHS[request.param])


def test_the_published_network_row_by_row():
    graph = published()
    first = layer_rows(graph)[0]
    assert first == LayerRow(
        name="conv_1",
        section="body",
        on_edge=None,
        summary="conv2d 3x3, 64 filters, relu",
        norm="batch per step",
        input_shape=(3, 32, 32),
        output_shape=(64, 32, 32),
        runs=3,
        parameters=3 * 3 * 3 * 64 + 64 + 3 * 2 * 64,
        statistics=3 * 2 * 64,
        multiply_adds=3 * 3 * 3 * 64 * 32 * 32,
    )
    assert first.total_multiply_adds == 3 * first.multiply_adds
    assert edge_rows(graph) == [
        EdgeRow(
            name="feedback",
            kind="loop",
            source="conv_3",
            through=(),
            target="conv_1",
            merge="sum",
            fit="",
            delay=1,
            initial="absent",
            signal_shape=(3, 32, 32),
            parameters=0,
            total_multiply_adds=0,
        )
    ]


def test_edges_say_how_their_signals_arrive():
    rows = {row.name: row for row in edge_rows(graph_of(CROSSING))}
    assert list(rows) == ["outer", "inner", "across", "own", "residual", "raw"]
    assert rows["inner"].through == ("refine", "squash")
    assert (rows["inner"].delay, rows["raw"].delay) == (2, 0)
    assert (rows["own"].initial, rows["raw"].initial) == ("zero", "")
    assert (rows["raw"].fit, rows["outer"].fit) == ("project", "")
    assert rows["across"].parameters == 2 * 16 * 16 + 16


def test_rows_add_up_to_the_totals(graph):
    layers, edges, summary = layer_rows(graph), edge_rows(graph), summarize(graph, 32)
    assert sum(row.parameters for row in [*layers, *edges]) == summary.parameters
    assert sum(row.statistics for row in layers) == summary.statistics
    assert sum(row.total_multiply_adds for row in [*layers, *edges]) == summary.multiply_adds
    assert {row.name for row in layers} == set(graph.layers)


def test_totals_are_the_graphs_own(graph):
    total, summary = costs(graph), summarize(graph, 7)
    shared = {f.name for f in dataclasses.fields(total)} - {"activations"}
    assert all(getattr(summary, name) == getattr(total, name) for name in shared)
    assert summary.numbers == total.numbers
    assert summary.training_bytes == total.training_bytes(7)
    assert summary.training_memory.endswith("MiB")


def test_the_ratio_is_to_the_same_network_unrolled_once():
    spec = parse_spec(CROSSING)
    unroll = spec.unroll.model_copy(update={"steps": 1})
    once = build_graph(spec.model_copy(update={"unroll": unroll}))
    summary = summarize(build_graph(spec), 1)
    assert summary.ratio == summary.multiply_adds / costs(once).multiply_adds
    assert summarize(once, 1).ratio == 1


def test_a_network_without_arithmetic_has_a_ratio():
    graph = graph_of("""
input: {shape: [4, 8, 8]}
layers: {same: {type: identity}, pool: {type: global_pool}}
main: [same, pool]
loops: {back: {from: same, to: same}}
unroll: {steps: 2}
""")
    assert summarize(graph, 1).ratio == 1


def test_layers_of_edges_name_their_edge():
    rows = {row.name: row for row in layer_rows(graph_of(CROSSING))}
    assert (rows["refine"].on_edge, rows["squash"].on_edge) == ("inner", "inner")
    assert rows["refine"].runs == 2
    assert all(row.on_edge is None for row in layer_rows(chain(3)))


def test_delays_of_the_main_stack_and_of_skips():
    graph = graph_of("""
input: {shape: [4, 8, 8]}
layers: {a: {type: conv2d, filters: 4}, b: {type: conv2d, filters: 4}, c: {type: dense, units: 2}}
main: [a, b, c]
loops: {back: {from: b, to: a}}
skips: {over: {from: a, to: b}}
unroll: {steps: 4, schedule: parallel}
""")
    assert [(row.name, row.delay, row.runs) for row in layer_rows(graph)] == [
        ("a", 0, 3),
        ("b", 1, 3),
        ("c", 0, 1),
    ]
    assert [(row.delay, row.initial) for row in edge_rows(graph)] == [(1, "absent"), (1, "absent")]

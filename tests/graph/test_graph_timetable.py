"""What runs when: small timetables by hand, and random ones by following every signal."""

import pytest
from hypothesis import given, settings

from loopynet import NetworkSpec, build_graph
from loopynet.graph import Graph, costs
from reference.strategies import documents, tiny

STACK = """
input: {shape: [4]}
layers:
  a: {type: dense, units: 4}
  b: {type: dense, units: 4}
  c: {type: dense, units: 4}
  fc: {type: dense, units: 2}
main: [a, b, c, fc]
loops: {back: {from: c, to: a}}
unroll: {steps: 6, schedule: parallel}
"""


def times(graph):
    return {name: list(graph.layer_times(graph.layers[name])) for name in graph.main}


def test_the_parallel_order_of_three_layers():
    graph = build_graph(tiny(STACK))
    assert (graph.delays, graph.first_readout) == ({"b": 1, "c": 1}, 3)
    assert times(graph) == {"a": [1, 2, 3, 4], "b": [2, 3, 4, 5], "c": [3, 4, 5, 6], "fc": [6]}
    (back,) = graph.loops
    assert graph.signal_times(back) == (3,)
    assert graph.merge_times(back) == (4,)
    assert {node.name: node.runs for node in graph.layers.values()} == {
        "a": 4, "b": 4, "c": 4, "fc": 1,
    }  # fmt: skip
    assert costs(graph).multiply_adds == 3 * 4 * 16 + 8


def test_from_zeros_every_layer_runs_at_once():
    spec = tiny(STACK, unroll={"steps": 6, "schedule": "parallel", "initial": "zero"})
    graph = build_graph(spec)
    assert graph.first_readout == 1
    assert times(graph) == {
        "a": [1, 2, 3, 4],
        "b": [1, 2, 3, 4, 5],
        "c": [1, 2, 3, 4, 5, 6],
        "fc": [6],
    }
    assert graph.signal_times(graph.loops[0]) == (1, 2, 3)
    assert graph.merge_times(graph.loops[0]) == (2, 3, 4)


def test_the_head_reads_from_the_first_logits_on():
    graph = build_graph(tiny(STACK, readout="each"))
    assert times(graph)["fc"] == [3, 4, 5, 6]


def test_one_step_runs_everything_once_and_delays_nothing():
    graph = build_graph(tiny(STACK, unroll={"steps": 1, "schedule": "parallel"}))
    assert (graph.delays, graph.first_readout, graph.body) == ({}, 1, ())
    assert times(graph) == {name: [1] for name in graph.main}


@pytest.mark.parametrize(
    ("unroll", "delays"),
    [
        ({"schedule": "parallel"}, {"b": 1, "c": 1}),
        ({"schedule": "parallel", "delays": {"c": 0}}, {"b": 1}),
        ({"schedule": "parallel", "delays": {"c": 3}}, {"b": 1, "c": 3}),
        ({"schedule": "sequential"}, {}),
        ({"delays": {"b": 2, "c": 0}}, {"b": 2}),
    ],
)
def test_delays_of_the_main_stack(unroll, delays):
    graph = build_graph(tiny(STACK, unroll={"steps": 12, **unroll}))
    assert graph.delays == delays
    assert graph.first_readout == 1 + sum(delays.values())


@pytest.mark.parametrize(
    ("schedule", "given", "delay"),
    [("sequential", None, 0), ("parallel", None, 1), ("parallel", 0, 0), ("sequential", 2, 2)],
)
def test_delays_of_skips(schedule, given, delay):
    skips = {
        "inner": {"from": "a", "to": "c", "delay": given},
        "under": {"from": "input", "to": "c"},
        "over": {"from": "a", "to": "fc"},
    }
    graph = build_graph(tiny(STACK, skips=skips, unroll={"steps": 9, "schedule": schedule}))
    assert [edge.delay for edge in graph.skips] == [delay, 0, 0]
    assert {edge.initial for edge in graph.skips} == {"absent"}


@pytest.mark.parametrize(
    ("merge", "start", "initial"),
    [("sum", "absent", "absent"), ("concat", "absent", "zero"), ("sum", "zero", "zero")],
)
def test_what_a_skip_gives_before_its_first_signal(merge, start, initial):
    skips = {"s": {"from": "a", "to": "c", "merge": merge}}
    unroll = {"steps": 9, "schedule": "parallel", "initial": start}
    (skip,) = build_graph(tiny(STACK, skips=skips, unroll=unroll)).skips
    assert skip.initial == initial


def followed(graph: Graph) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """Return the runs and signals that the logits of any unroll depend on, followed one by one."""
    body, arrive, total = graph.body, {}, 1
    for name in body:
        total += graph.delays.get(name, 0) if graph.initial == "absent" else 0
        total = max(total, graph.windows.get(name, (1, 1))[0])
        arrive[name] = total
    runs: set[tuple[str, int]] = set()
    sends: set[tuple[str, int]] = set()

    def stood(name: str, t: int) -> int:
        return min(t, graph.windows[name][1]) if name in graph.windows else t

    def follow(name: str, t: int) -> None:
        t = stood(name, t)
        if (name, t) in runs or t < arrive[name]:
            return
        runs.add((name, t))
        if name != body[0]:
            follow(body[body.index(name) - 1], t - graph.delays.get(name, 0))
        for edge in graph.edges_into(name):
            if t - edge.delay >= arrive.get(edge.source, t + 1):
                sends.add((edge.name, stood(edge.source, t - edge.delay)))
                follow(edge.source, t - edge.delay)

    read = [s.source for s in graph.skips if s.source in body and s.target in graph.head]
    for t in range(total, graph.steps + 1):
        for name in (body[-1], *read):
            follow(name, t)
    return runs, sends


@settings(deadline=None, max_examples=100)
@given(document=documents(least_loops=1, least_steps=2))
def test_what_runs_is_what_some_logits_follow_from(document):
    graph = build_graph(NetworkSpec.model_validate(document))
    table, (runs, sends) = graph.timetable, followed(graph)
    within = [e for e in graph.edges if e.section == "body"]
    assert runs == {(n, t) for n in graph.body for t in graph.layer_times(graph.layers[n])}
    assert sends == {(e.name, t) for e in within for t in graph.signal_times(e)}
    assert all(node.runs for node in graph.layers.values())
    for name, t in runs:
        first = table.read_at(name, t)
        assert t <= first <= graph.steps
        assert table.runs(name, t, None)
        assert not table.runs(name, t, first - 1)


@settings(deadline=None, max_examples=30)
@given(document=documents(least_loops=1, least_steps=2))
def test_a_long_run_has_settled(document):
    """The last number of a layer's ways holds for all later unrolls."""
    document["unroll"]["steps"] = 30
    if "sections" in document["unroll"]:
        *lower, _ = document["unroll"]["sections"]
        document["unroll"]["sections"] = [*lower, 30 - sum(lower)]
    graph = build_graph(NetworkSpec.model_validate(document))
    assert followed(graph)[0] == {
        (n, t) for n in graph.body for t in graph.layer_times(graph.layers[n])
    }

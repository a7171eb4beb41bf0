"""What folded and unrolled pictures show, by their nodes and arrows."""

from itertools import pairwise

from draw_examples import twenty, zoo
from hypothesis import HealthCheck, example, given, settings

from loopynet import NetworkSpec, parse_spec
from loopynet.draw.compose import diagram
from loopynet.draw.diagram import OMITTED
from loopynet.draw.unrolled import MOST_ROWS
from loopynet.graph import build_graph
from reference.strategies import specs


def ids(shown, *kinds):
    return {node.id for node in shown.every_node() if node.kind in kinds}


def arrows(shown, kind):
    return {(a.source, target) for a in shown.arrows if a.kind == kind for target in a.targets}


def test_folded_nodes_and_arrows():
    shown = diagram(zoo("cifar10-loopy"), unrolled=False)
    assert list(shown.nodes) == ["input", "feedback", "conv_1", "conv_2", "conv_3", "fc_1"]
    assert arrows(shown, "loop") == {("conv_3", "feedback")}
    chain = list(shown.nodes)
    assert arrows(shown, "main") == set(pairwise(chain))
    assert [block.titles for block in shown.blocks] == [("loopy section, ×3 unrolls",), ("head",)]
    assert shown.nodes["conv_1"].lines == (
        ("conv_1", "name"),
        ("conv2d 3×3, 64 filters,", "words"),
        ("relu, batch norm per step", "words"),
        ("[64, 32, 32]", "shape"),
    )


def test_an_untied_network_says_so():
    graph = zoo("cifar10-deep")
    folded, unrolled = diagram(graph, False), diagram(graph, True)
    assert folded.blocks[0].titles == ("loopy section, ×3 unrolls, untied weights",)
    assert unrolled.notes[0].startswith("Untied weights")
    assert not unrolled.tied


def test_unrolled_loops_lead_to_the_next_pass_and_the_last_one_has_none():
    shown = diagram(zoo("cifar10-loopy"), unrolled=True)
    assert arrows(shown, "loop") == {("conv_3@1", "feedback@2"), ("conv_3@2", "feedback@3")}
    assert ids(shown, "absent") == {"feedback@1"}
    assert ("conv_3@3", "fc_1@3") in arrows(shown, "main")
    firsts = {target for source, target in arrows(shown, "main") if source == "input"}
    assert firsts == {"feedback@1", "feedback@2", "feedback@3"}


def test_a_delay_skips_passes_and_initial_values_are_shown():
    changes = ("loops.feedback.delay=2", "loops.feedback.initial=one")
    shown = diagram(zoo("cifar10-loop-mul", *changes), unrolled=True)
    assert arrows(shown, "loop") == {
        ("conv_2@1", "feedback@3"),
        ("feedback@1 one", "feedback@1"),
        ("feedback@2 one", "feedback@2"),
    }
    assert [a.through[0].id for a in shown.arrows if a.through] == ["loop_conv@1"]
    assert shown.nodes["feedback@1 one"].lines == (("1", "mark"),)


def test_layers_keep_their_color_over_unrolls_and_have_different_ones():
    shown = diagram(zoo("cifar10-loop-mul"), unrolled=True)
    colors = {}
    for node in shown.every_node():
        if node.kind == "layer":
            colors.setdefault(node.slot, set()).add(node.color)
    assert colors == {"conv_1": {0}, "conv_2": {1}, "loop_conv": {2}, "fc_1": {None}}


def test_many_unrolls_are_abridged():
    shown = diagram(zoo("cifar10-loopy", "unroll.steps=9"), unrolled=True)
    titles = [title for block in shown.blocks[:1] for title in block.titles]
    assert titles == ["unroll 1", "unroll 2", "unroll 3", None, "unroll 9"]
    assert shown.nodes[OMITTED].lines[1] == ("unrolls 4 to 8", "words")
    assert ("conv_3@3", OMITTED) in arrows(shown, "loop")
    assert (OMITTED, "feedback@9") in arrows(shown, "loop")
    assert diagram(zoo("cifar10-loopy", "unroll.steps=8"), unrolled=True).rows == 8


def test_a_long_delay_passes_through_the_omitted_unrolls():
    graph = zoo("cifar10-loopy", "unroll.steps=9", "loops.feedback.delay=7")
    shown = diagram(graph, unrolled=True)
    loops = arrows(shown, "loop")
    assert loops == {("conv_3@1", OMITTED), ("conv_3@2", OMITTED), (OMITTED, "feedback@9")}


def test_the_trunk_sends_once_and_the_head_runs_as_often_as_it_is_read():
    last, each = (diagram(twenty(readout=r), unrolled=True) for r in ("last", "each"))
    skip = next(arrow for arrow in last.arrows if arrow.name == "b")
    assert (skip.source, skip.targets) == ("conv_1@1", ("b@1", "b@2", "b@3"))
    assert [n.id for n in last.nodes.values() if n.slot == "fc"] == ["fc@3"]
    assert [n.id for n in each.nodes.values() if n.slot == "fc"] == ["fc@1", "fc@2", "fc@3"]


def test_without_loops_there_is_nothing_to_unroll():
    graph = zoo("cifar10-vanilla")
    assert diagram(graph, True) == diagram(graph, False)
    assert not any(block.titles[0] for block in diagram(graph, False).blocks)


def test_main_stack_arrows_with_a_delay_lead_to_a_later_pass():
    changes = ("unroll.schedule=parallel", "unroll.steps=6")
    shown = diagram(zoo("cifar10-loopy", *changes), unrolled=True)
    late = {(a.source, t) for a in shown.arrows if a.kind == "main" and a.delay for t in a.targets}
    assert late == {(f"conv_1@{t}", f"conv_2@{t + 1}") for t in range(1, 5)} | {
        (f"conv_2@{t}", f"conv_3@{t + 1}") for t in range(2, 6)
    }
    assert arrows(shown, "loop") == {("conv_3@3", "feedback@4")}
    inside = arrows(shown, "main") - late
    assert not {source for source, _ in inside if source.startswith("conv_2")}
    assert ids(shown, "zero") == set()


def test_zeros_stand_where_nothing_has_come_from_below():
    changes = ("unroll.delays={conv_2: 2}", "unroll.initial=zero", "unroll.steps=5")
    shown = diagram(zoo("cifar10-loopy", *changes), unrolled=True)
    assert ids(shown, "zero") == {"conv_2@1 zero", "conv_2@2 zero"}
    assert ("conv_2@2 zero", "conv_2@2") in arrows(shown, "main")
    assert ("conv_2@2", "conv_3@2") in arrows(shown, "main")
    assert ("conv_1@1", "conv_2@3") in arrows(shown, "main")


LONG = parse_spec("""
input: {shape: [2, 6, 6]}
templates: {conv: {type: conv2d, filters: 2}}
layers: {a: {template: conv}, b: {template: conv}, c: {template: conv}, fc: {type: dense, units: 2},
  way: {template: conv}, over: {template: conv}}
main: [a, b, c, fc]
loops: {own: {from: a, to: a, through: [way]}, back: {from: c, to: c, delay: 2}}
skips: {across: {from: a, to: c, through: [over]}, out: {from: a, to: fc, fit: project}}
unroll: {sections: [2, 7]}
readout: each
""")


def sections(*passes):
    unroll = {"sections": passes}
    return NetworkSpec.model_validate(
        {**LONG.model_dump(exclude_unset=True, by_alias=True), "unroll": unroll}
    )


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@example(sections(2, 7))
@example(sections(3, 6))
@example(sections(5, 4))
@example(sections(3, 3))
@given(specs(least_loops=1, least_steps=2))
def test_an_unrolled_picture_has_every_run_and_every_merge_of_the_graph(spec):
    graph = build_graph(spec)
    shown = diagram(graph, unrolled=True)
    assert ids(shown, "layer") == {
        f"{name}@{t}"
        for name, node in graph.layers.items()
        for t in times(graph, node.section, graph.layer_times(node))
    }
    merges = {
        f"{edge.name}@{t}"
        for edge in graph.edges
        for t in times(graph, graph.section_of(edge.target), graph.merge_times(edge))
    }
    assert ids(shown, "merge") == merges
    reached = {target for a in shown.arrows if a.kind != "main" for target in a.targets}
    assert reached - {OMITTED} == ids(shown, "merge")
    assert (OMITTED in shown.nodes) == (graph.steps > MOST_ROWS)


def times(graph, section, runs):
    """Return the drawn unrolls of runs; those of the head are the ones that are read."""
    if section == "head":
        runs = graph.readout_times  # with absent signals the first unrolls have no logits
    last = graph.steps
    return [t for t in runs if section == "trunk" or last <= MOST_ROWS or t in (1, 2, 3, last)]

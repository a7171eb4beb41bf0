"""No picture has boxes or texts that overlap, texts that leave their boxes, or hidden lines."""

import pytest
from draw_checks import check_picture, texts_are_inside_their_shapes
from draw_examples import twenty, zoo
from hypothesis import HealthCheck, given, settings

from loopynet.draw.__main__ import MOST_LAYERS
from loopynet.draw.compose import WIDEST, compose
from loopynet.graph import build_graph
from loopynet.zoo import load_spec, zoo_names
from reference.strategies import specs

SLOW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("unrolled", [False, True])
@pytest.mark.parametrize("name", zoo_names())
def test_zoo_networks_are_legible(name, unrolled):
    scene = check_picture(zoo(name), unrolled)
    texts_are_inside_their_shapes(scene)
    if len(load_spec(name).main) <= (MOST_LAYERS if unrolled else 2 * MOST_LAYERS):
        assert scene.width <= WIDEST


@pytest.mark.parametrize("unrolled", [False, True])
@pytest.mark.parametrize(("steps", "readout"), [(3, "last"), (3, "each"), (12, "last")])
def test_a_network_of_twenty_layers_is_legible(steps, readout, unrolled):
    texts_are_inside_their_shapes(check_picture(twenty(steps, readout), unrolled))


@SLOW
@given(specs())
def test_random_networks_are_legible(spec):
    graph = build_graph(spec)
    check_picture(graph, unrolled=False)
    texts_are_inside_their_shapes(check_picture(graph, unrolled=True))


@SLOW
@given(specs(least_loops=1, least_steps=2))
def test_random_networks_with_omitted_unrolls_are_legible(spec):
    unroll = spec.unroll.model_copy(update={"steps": 10})
    check_picture(build_graph(spec.model_copy(update={"unroll": unroll})), unrolled=True)


@pytest.mark.parametrize("unrolled", [False, True])
def test_lines_connect_what_the_diagram_says(unrolled):
    """Followed from node to node, the strokes of zoo networks are the arrows."""
    scene = compose(zoo("cifar10-loop-mul"), unrolled)
    steps = {(s.source, s.target) for s in scene.strokes if s.kind == "loop"}
    ends = [("@1", "@2"), ("@2", "@3")] if unrolled else [("", "")]
    assert steps == {
        step
        for a, b in ends
        for step in (
            (f"conv_2{a}", "feedback label"),
            ("feedback label", f"loop_conv{a}"),
            (f"loop_conv{a}", f"feedback{b}"),
        )
    }
    assert all(s.arrow for s in scene.strokes if s.target and "label" not in s.target)


def test_loops_are_on_one_side_and_skips_on_the_other():
    scene = compose(twenty(), unrolled=False)
    boxes = [s.rect for s in scene.shapes if s.node.id.startswith("conv_")]
    for stroke in scene.strokes:
        for x, _ in stroke.points:
            if stroke.kind == "loop":
                assert x <= boxes[0].middle[0]
            if stroke.kind == "skip":
                assert x >= boxes[0].middle[0]


def test_small_networks_run_to_the_right_and_large_ones_down():
    small, large = compose(zoo("cifar10-loopy"), False), compose(twenty(), False)
    assert small.width > small.height
    assert large.width < large.height

"""Shapes that are inferred against those that come out, and the shapes that cannot be."""

import pytest
import torch
from hypothesis import given, settings

from loopynet import NetworkSpec, SpecError, build_graph
from reference.strategies import documents, tiny
from reference.values import random_input, random_net


@settings(deadline=None, max_examples=60)
@given(document=documents())
def test_inferred_shapes_are_those_that_come_out(document):
    net = random_net(NetworkSpec.model_validate(document)).eval()
    with torch.no_grad():
        shapes = {
            name: tuple(value.shape[1:]) for name, value in net.trace(random_input(net)).items()
        }
    graph = net.graph
    expected = {name: node.output_shape for name, node in graph.layers.items()}
    expected |= {edge.name: edge.merged_shape for edge in graph.edges}
    seen = {name.split("@")[0] for name in shapes}
    assert seen == set(expected)
    assert {name: shapes[name] for name in shapes} == {
        name: expected[name.split("@")[0]] for name in shapes
    }


def network(layers: str, loops: str = "{}", skips: str = "{}") -> str:
    """Return a document whose layers, in order, are its main stack."""
    names = [line.split(":")[0].strip() for line in layers.strip().splitlines()]
    return (
        f"input: {{shape: [3, 4, 4]}}\nlayers:\n{layers}\nmain: [{', '.join(names)}]\n"
        f"loops: {loops}\nskips: {skips}\nunroll: {{steps: 2}}\n"
    )


def test_a_concatenated_signal_widens_what_follows():
    graph = build_graph(tiny(network(
        "  a: {type: conv2d, filters: 2}\n  b: {type: pool2d}\n  c: {type: identity}\n"
        "  d: {type: conv2d, filters: 5}\n  e: {type: dense, units: 2}",
        "{back: {from: d, to: b, merge: concat, fit: resize}}",
        "{over: {from: b, to: d, merge: concat}}",
    )))  # fmt: skip
    assert graph.layers["b"].input_shape == (7, 4, 4)
    assert graph.layers["c"].input_shape == (7, 2, 2)
    assert graph.layers["d"].input_shape == (14, 2, 2)


def test_several_concatenations_at_one_target():
    graph = build_graph(tiny(network(
        "  a: {type: conv2d, filters: 2}\n  b: {type: conv2d, filters: 4}\n"
        "  c: {type: dense, units: 2}",
        "{one: {from: a, to: a, merge: concat}, two: {from: b, to: a, merge: concat}}",
    )))  # fmt: skip
    assert [edge.target_shape[0] for edge in graph.loops] == [3, 5]
    assert graph.layers["a"].input_shape == (9, 4, 4)


GROWS = "  a: {type: conv2d, filters: 3}\n  b: {type: identity}\n  c: {type: dense, units: 2}"


def test_a_signal_that_grows_at_every_pass_is_refused():
    with pytest.raises(SpecError, match="wider at every pass") as caught:
        build_graph(tiny(network(GROWS, "{grows: {from: b, to: b, merge: concat}}")))
    assert caught.value.path == ("loops", "grows")


def test_of_several_loops_the_growing_one_is_named():
    loops = "{fine: {from: a, to: a}, grows: {from: b, to: b, merge: concat}}"
    with pytest.raises(SpecError) as caught:
        build_graph(tiny(network(GROWS, loops)))
    assert caught.value.path == ("loops", "grows")


@pytest.mark.parametrize(
    ("loops", "skips"),
    [
        ("{back: {from: b, to: m, merge: concat}}", "{}"),
        ("{}", "{over: {from: b0, to: m, merge: concat}}"),
    ],
)
def test_only_the_final_channels_must_be_divisible(loops, skips):
    """Maxout of 4 = 3 + 1 channels: without the merge there would be 3."""
    graph = build_graph(tiny(network(
        "  b0: {type: conv2d, filters: 1}\n  a: {type: conv2d, filters: 3}\n"
        "  m: {type: maxout, pieces: 4}\n  b: {type: conv2d, filters: 1}\n"
        "  c: {type: dense, units: 2}",
        loops, skips,
    )))  # fmt: skip
    assert graph.layers["m"].input_shape == (4, 4, 4)
    assert graph.layers["m"].output_shape == (1, 4, 4)


def test_only_the_final_channels_must_fit_groups():
    graph = build_graph(tiny(network(
        "  a: {type: conv2d, filters: 3}\n  b: {type: conv2d, filters: 1}\n"
        "  g: {type: conv2d, filters: 4, groups: 4}\n  c: {type: dense, units: 2}",
        skips="{over: {from: input, to: g, merge: concat}}",
    )))  # fmt: skip
    assert graph.layers["g"].input_shape == (4, 4, 4)


@pytest.mark.parametrize(
    ("edge", "remedies"),
    [
        ("{from: b, to: a}", ["[5, 2, 2]", "[3, 4, 4]", "fit: project"]),
        ("{from: b, to: a, merge: concat}", ["fit: resize or fit: project"]),
        ("{from: b, to: a, fit: resize}", ["fit: project"]),
        ("{from: c, to: a, merge: concat}", ["[2]", "fit: project"]),
        ("{from: c, to: a, fit: resize}", ["fit: project"]),
        ("{from: b, to: a, fit: pad}", ["[5, 2, 2]", "fit: project"]),
        ("{from: c, to: a, fit: pad}", ["fit: project"]),
    ],
)
def test_a_misfit_names_both_shapes_and_a_remedy_that_works(edge, remedies):
    layers = "  a: {type: conv2d, filters: 5}\n  b: {type: pool2d}\n  c: {type: dense, units: 2}"
    with pytest.raises(SpecError) as caught:
        build_graph(tiny(network(layers, f"{{back: {edge}}}")))
    assert caught.value.path == ("loops", "back")
    for remedy in remedies:
        assert remedy in caught.value.message
    for fit in ("resize", "project"):
        if f"fit: {fit}" in caught.value.message:
            plain = edge.replace(", fit: resize", "").replace(", fit: pad", "")
            build_graph(tiny(network(layers, f"{{back: {plain[:-1]}, fit: {fit}}}}}")))


def test_a_fitting_signal_is_neither_resized_nor_projected():
    graph = build_graph(tiny(network(
        GROWS, "{one: {from: a, to: a, fit: project}, two: {from: b, to: b, fit: resize}}"
    )))  # fmt: skip
    assert not any(edge.project or edge.resize for edge in graph.edges)

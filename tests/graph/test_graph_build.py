"""Graphs worked out by hand: sections, runs, shapes and edges."""

import pytest
from hypothesis import given, settings

from loopynet import NetworkSpec, SpecError, build_graph
from loopynet.parts.norms import NormSpec
from reference.strategies import documents, tiny

EXAMPLE = """
input: {shape: [3, 8, 8]}
layers:
  stem: {type: conv2d, filters: 4}
  conv_1: {type: conv2d, filters: 6}
  pool: {type: pool2d}
  conv_2: {type: conv2d, filters: 5}
  neck: {type: conv2d, filters: 7}
  fc: {type: dense, units: 10}
  way: {type: upsample}
  narrow: {type: conv2d, filters: 2, size: 1}
main: [stem, conv_1, pool, conv_2, neck, fc]
loops:
  back: {from: conv_2, to: conv_1, through: [way, narrow], merge: concat, delay: 2}
  near: {from: pool, to: pool, fit: resize}
skips:
  around: {from: input, to: conv_2, fit: project}
  over: {from: conv_1, to: neck, fit: project, merge: gate}
unroll: {steps: 4}
norm: {type: batch, over_time: per_step}
"""


def test_sections_and_runs():
    graph = build_graph(tiny(EXAMPLE))
    assert (graph.trunk, graph.body) == (("stem",), ("conv_1", "pool", "conv_2"))
    assert graph.head == ("neck", "fc")
    assert graph.main == graph.trunk + graph.body + graph.head
    assert {n.name: (n.section, n.runs, n.on_edge) for n in graph.layers.values()} == {
        "stem": ("trunk", 1, None),
        "conv_1": ("body", 4, None),
        "pool": ("body", 4, None),
        "conv_2": ("body", 4, None),
        "neck": ("head", 1, None),
        "fc": ("head", 1, None),
        "way": ("body", 2, "back"),
        "narrow": ("body", 2, "back"),
    }
    each = build_graph(tiny(EXAMPLE, readout="each"))
    assert (each.layers["neck"].runs, each.layers["stem"].runs) == (4, 1)


def test_shapes():
    graph = build_graph(tiny(EXAMPLE))
    shapes = {n.name: (n.input_shape, n.output_shape) for n in graph.layers.values()}
    assert shapes == {
        "stem": ((3, 8, 8), (4, 8, 8)),
        "conv_1": ((6, 8, 8), (6, 8, 8)),  # 4 channels and 2 of the loop
        "pool": ((6, 8, 8), (6, 4, 4)),
        "conv_2": ((6, 4, 4), (5, 4, 4)),
        "neck": ((5, 4, 4), (7, 4, 4)),
        "fc": ((7, 4, 4), (10,)),
        "way": ((5, 4, 4), (5, 8, 8)),
        "narrow": ((5, 8, 8), (2, 8, 8)),
    }
    assert graph.output_shape == (10,)
    assert graph.shape_of("input") == (3, 8, 8)


def test_edges():
    graph = build_graph(tiny(EXAMPLE))
    around, over, back, near = graph.edges
    assert [edge.name for edge in graph.edges] == ["around", "over", "back", "near"]
    assert [edge.name for edge in graph.edges_into("conv_2")] == ["around"]
    assert (around.section, over.section, back.section, near.section) == (
        "trunk",
        "head",
        "body",
        "body",
    )
    assert (back.initial, near.initial) == ("zero", "absent")
    assert (back.delay, near.delay, around.delay) == (2, 1, 0)
    assert (back.raw_shape, back.signal_shape) == ((2, 8, 8), (2, 8, 8))
    assert (back.target_shape, back.merged_shape) == ((4, 8, 8), (6, 8, 8))
    assert (near.resize, near.project) == (True, False)
    assert (near.raw_shape, near.signal_shape) == ((6, 4, 4), (6, 8, 8))
    assert (around.project, around.resize) == (True, False)
    assert (around.raw_shape, around.signal_shape) == ((3, 8, 8), (6, 4, 4))
    assert over.signal_shape == over.target_shape == over.merged_shape == (5, 4, 4)
    assert not back.project
    assert back.merge_part.concatenates


def test_times():
    graph = build_graph(tiny(EXAMPLE))
    around, over, back, near = graph.edges
    assert list(graph.signal_times(back)) == [1, 2]
    assert list(graph.merge_times(back)) == [1, 2, 3, 4]  # zeros come first
    assert list(graph.signal_times(near)) == [1, 2, 3]
    assert list(graph.merge_times(near)) == [2, 3, 4]
    assert list(graph.signal_times(around)) == [1]
    assert list(graph.merge_times(around)) == [1, 2, 3, 4]
    assert list(graph.merge_times(over)) == [4]  # the head reads the last unroll
    assert list(graph.layer_times(graph.layers["narrow"])) == [1, 2]


def test_one_step_leaves_the_loops_out():
    graph = build_graph(tiny(EXAMPLE, unroll={"steps": 1}))
    assert graph.loops == ()
    assert graph.steps == 1
    assert graph.body == graph.head == ()
    assert set(graph.layers) == set(graph.main)
    assert graph.layers["conv_1"].input_shape == (4, 8, 8)


def test_steps_without_loops_are_one():
    spec = tiny("""
input: {shape: [3]}
layers: {fc: {type: dense, units: 2}}
main: [fc]
unroll: {steps: 5}
""")
    assert build_graph(spec).steps == 1


def test_which_layers_are_normalized():
    spec = tiny("""
input: {shape: [3, 4, 4]}
layers:
  by_default: {type: conv2d, filters: 4}
  own: {type: conv2d, filters: 4, norm: {type: group, groups: 2}}
  off: {type: conv2d, filters: 4, norm: none}
  pool: {type: pool2d}
  pool_normed: {type: pool2d, size: 1, norm: layer}
  explicit: {type: norm, kind: layer, over_time: per_step}
  way: {type: dense, units: 5}
  last: {type: dense, units: 5}
main: [by_default, own, off, pool, pool_normed, explicit, last]
loops: {back: {from: last, to: last, through: [way], fit: project}}
unroll: {steps: 2}
norm: {type: batch, momentum: 0.5}
""")
    norms = {n.name: n.norm for n in build_graph(spec).layers.values()}
    default = NormSpec(type="batch", momentum=0.5)
    assert norms == {
        "by_default": default,
        "own": NormSpec(type="group", groups=2),
        "off": NormSpec(),
        "pool": NormSpec(),
        "pool_normed": NormSpec(type="layer"),
        "explicit": NormSpec(type="layer", over_time="per_step"),
        "way": default,
        "last": NormSpec(),
    }


def test_the_last_layer_may_have_a_norm_of_its_own():
    graph = build_graph(
        tiny("""
input: {shape: [3]}
layers: {fc: {type: dense, units: 2, norm: layer}}
main: [fc]
norm: {type: batch}
""")
    )
    assert graph.layers["fc"].norm.type == "layer"


@pytest.mark.parametrize("merge", ["sum", "concat"])
@pytest.mark.parametrize("initial", ["absent", "zero", "one", None])
def test_initial(merge, initial):
    loops = {"back": {"from": "conv_1", "to": "conv_1", "merge": merge, "initial": initial}}
    loops["back"]["fit"] = "project"
    spec = tiny(EXAMPLE, loops=loops)
    spec = NetworkSpec.model_validate(
        {
            **spec.model_dump(by_alias=True, exclude_unset=True),
            "layers": {
                name: {"type": layer.type, **layer.model_dump(exclude_unset=True)}
                for name, layer in spec.layers.items()
                if name not in {"way", "narrow"}
            },
        }
    )
    if merge == "concat" and initial == "absent":
        with pytest.raises(SpecError) as caught:
            build_graph(spec)
        assert caught.value.path == ("loops", "back", "initial")
    else:
        expected = {"concat": "zero", "sum": "absent"}[merge]
        assert build_graph(spec).loops[0].initial == (initial or expected)


@pytest.mark.parametrize(
    ("last", "shape"), [({"type": "conv2d", "filters": 2}, "[2, 8, 8]"), ({"type": "identity"}, "")]
)
def test_logits_are_a_vector(last, shape):
    document = {"input": {"shape": [3, 8, 8]}, "layers": {"last": last}, "main": ["last"]}
    with pytest.raises(SpecError) as caught:
        build_graph(NetworkSpec.model_validate(document))
    assert caught.value.path == ("layers", "last")
    assert shape in caught.value.message


@settings(deadline=None, max_examples=60)
@given(document=documents())
def test_loops_stay_in_the_body_and_it_is_the_least(document):
    graph = build_graph(NetworkSpec.model_validate(document))
    assert graph.trunk + graph.body + graph.head == graph.main
    touched = {edge.source for edge in graph.loops} | {edge.target for edge in graph.loops}
    assert touched <= set(graph.body)
    if graph.loops:
        assert {graph.body[0], graph.body[-1]} <= touched
    else:
        assert graph.steps == 1
    # No signal goes back from a section to an earlier one but by a loop.
    order = {"trunk": 0, "body": 1, "head": 2}
    for skip in graph.skips:
        assert order[graph.section_of(skip.source)] <= order[graph.section_of(skip.target)]

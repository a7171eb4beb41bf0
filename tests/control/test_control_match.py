from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from loopynet import NetworkSpec, SpecError, build_graph, load_spec, zoo_names
from loopynet.control import no_loops, same_multiply_adds, same_parameters
from loopynet.control.match import match_costs, nearest_values, scaled
from loopynet.control.widths import Width, free_widths, with_widths
from loopynet.graph import Costs, costs
from reference.strategies import specs, tiny

Control = Callable[[NetworkSpec], NetworkSpec]
KINDS: list[tuple[Control, Callable[[Costs], int]]] = [
    (same_parameters, lambda cost: cost.parameters),
    (same_multiply_adds, lambda cost: cost.multiply_adds),
]
IDS = ["parameters", "multiply-adds"]


def price(spec: NetworkSpec, measure: Callable[[Costs], int]) -> int:
    return measure(costs(build_graph(spec)))


def widened(spec: NetworkSpec, name: str, change: int) -> NetworkSpec:
    layer = spec.layers[name]
    key = "filters" if hasattr(layer, "filters") else "units"
    wider = layer.model_copy(update={key: getattr(layer, key) + change})
    return spec.model_copy(update={"layers": {**spec.layers, name: wider}})


PLAIN = [name for name in zoo_names() if name.startswith(("cifar10", "mnist", "digits"))]
"""Networks of the zoo in which the width of each layer is its own."""


@pytest.mark.parametrize(("control", "measure"), KINDS, ids=IDS)
@pytest.mark.parametrize("name", [name for name in PLAIN if load_spec(name).loops])
def test_no_single_filter_or_unit_comes_closer(
    name: str, control: Control, measure: Callable[[Costs], int]
) -> None:
    original = load_spec(name)
    target, matched = price(original, measure), control(original)
    rest = abs(price(matched, measure) - target)
    for layer in matched.main[:-1]:
        if not matched.layers[layer].weighted:
            continue
        for change in (-1, 1):
            if matched.layers[layer].model_dump().get("filters") + change:
                other = widened(matched, layer, change)
                assert abs(price(other, measure) - target) >= rest


@pytest.mark.parametrize(("control", "measure"), KINDS, ids=IDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spec=specs(least_loops=1, least_steps=2))
def test_no_single_step_of_a_width_comes_closer(
    spec: NetworkSpec, control: Control, measure: Callable[[Costs], int]
) -> None:
    try:
        plain, matched = no_loops(spec), control(spec)
    except SpecError:
        assume(False)
    target = price(spec, measure)
    rest = abs(price(matched, measure) - target)
    widths = free_widths(build_graph(plain))
    values = {width: value_in(matched, width) for width in widths}
    for width in widths:
        for change in (-width.step, width.step):
            changed = {**values, width: values[width] + change}
            if changed[width]:
                near = plain.model_copy(update={"layers": with_widths(plain, changed)})
                assert abs(price(near, measure) - target) >= rest


def value_in(spec: NetworkSpec, width: Width) -> int:
    setting = width.settings[0]
    return getattr(spec.layers[setting.layer], setting.key)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs(least_loops=1, least_steps=2), data=st.data())
def test_wide_networks_have_as_many_parameters_within_one_percent(
    spec: NetworkSpec, data: st.DataObject
) -> None:
    """Random networks with hundreds of filters; a step of one is then a small part."""
    try:
        graph = build_graph(no_loops(spec))
    except SpecError:
        assume(False)
    widths = free_widths(graph)
    factor = data.draw(st.integers(20, 60))
    layers = with_widths(spec, {width: width.value * factor for width in widths})
    wide = NetworkSpec.model_validate(
        {key: getattr(spec, key) for key in spec.model_fields_set} | {"layers": layers}
    )
    try:
        target = price(wide, lambda cost: cost.parameters)
        matched = same_parameters(wide)
    except SpecError:
        assume(False)  # a loop that needs the widths as they were
    assume(target > 10_000 and widths)
    finest = min(
        abs(price(stepped(matched, width), lambda cost: cost.parameters)
            - price(matched, lambda cost: cost.parameters))
        for width in free_widths(build_graph(matched))
    )  # fmt: skip
    rest = abs(price(matched, lambda cost: cost.parameters) - target)
    assert rest <= max(0.01 * target, finest)


def stepped(spec: NetworkSpec, width: Width) -> NetworkSpec:
    layers = with_widths(spec, {width: width.value + width.step})
    return spec.model_copy(update={"layers": layers})


@given(value=st.integers(1, 500), step=st.integers(1, 4), factor=st.integers(0, 3000))
def test_scaled_is_the_nearest_multiple(value: int, step: int, factor: int) -> None:
    width = Width(value * step, step, ())
    found = scaled(width, factor, 1000)
    assert found % step == 0
    assert found >= step
    assert abs(found - width.value * factor / 1000) <= step / 2 or found == step
    assert scaled(width, 1000, 1000) == width.value
    assert scaled(width, factor + 1, 1000) >= found


def test_the_width_whose_step_costs_most_is_settled_first() -> None:
    """One step of the first costs 100. The others, both 10 wide, share what is left."""
    widths = [Width(3, 1, ()), Width(10, 1, ()), Width(10, 1, ())]
    found = nearest_values(widths, 465, lambda v: 100 * v[0] + 4 * v[1] + 3 * v[2])
    assert found[0] == 4
    assert abs(found[1] - found[2]) <= 1
    assert abs(400 + 4 * found[1] + 3 * found[2] - 465) <= 1


def test_a_cost_that_is_the_same_already_changes_nothing() -> None:
    spec = load_spec("cifar10-vanilla")
    assert match_costs(spec, 71_443, lambda cost: cost.parameters) is spec


def test_a_target_out_of_reach_ends_the_search() -> None:
    widths = [Width(8, 2, ()), Width(6, 3, ())]
    assert nearest_values(widths, -5, sum) == (2, 3)
    found = nearest_values(widths, 10, lambda values: 0)
    assert len(found) == 2


RESIDUAL = """
name: residual
input: {shape: [3, 8, 8]}
templates:
  conv: {type: conv2d, filters: 16, activation: relu, norm: batch}
layers:
  stem: {template: conv}
  a: {template: conv}
  depth: {template: conv, groups: 16}
  b: {template: conv, size: 1, filters: 24}
  halves: {type: maxout}
  grouped: {template: conv, groups: 4}
  pool: {type: global_pool}
  hidden: {type: dense, units: 30}
  fc: {type: dense, units: 10}
main: [stem, a, depth, b, halves, grouped, pool, hidden, fc]
skips:
  around: {from: stem, to: depth}
loops:
  feedback: {from: grouped, to: stem, merge: sum, fit: project}
unroll: {steps: 4}
"""


@pytest.mark.parametrize(("control", "measure"), KINDS, ids=IDS)
def test_residual_depthwise_grouped_and_maxout_stay_valid(
    control: Control, measure: Callable[[Costs], int]
) -> None:
    original = tiny(RESIDUAL)
    matched = control(original)
    target = price(original, measure)
    assert abs(price(matched, measure) / target - 1) < 0.02
    graph = build_graph(matched)
    shapes = {name: node.output_shape[0] for name, node in graph.layers.items()}
    assert shapes["stem"] == shapes["a"] == shapes["depth"]
    assert matched.layers["depth"].model_dump()["groups"] == shapes["depth"]
    assert matched.layers["grouped"].model_dump()["groups"] == 4
    assert shapes["fc"] == 10
    assert shapes["b"] % 8 == 0
    assert not any(edge.project for edge in graph.skips)


@st.composite
def grouped_specs(draw: st.DrawFn) -> NetworkSpec:
    """A loopy chain of convolutions with groups, depthwise ones, maxout and skips that add."""
    layers: dict[str, dict[str, object]] = {"l0": {"type": "conv2d", "filters": 8}}
    skips: dict[str, dict[str, object]] = {}
    widths = [8]
    for i in range(1, draw(st.integers(2, 6))):
        width, kind = widths[-1], draw(st.sampled_from(("grouped", "depthwise", "maxout")))
        filters = draw(st.sampled_from((8, 12, 16)))
        if kind == "maxout":
            layers[f"l{i}"] = {"type": "maxout", "pieces": 2 if width % 2 == 0 else 1}
            widths.append(width // 2 if width % 2 == 0 else width)
            continue
        groups = draw(st.sampled_from([n for n in (1, 2, 4) if width % n == 0]))
        if kind == "depthwise":
            groups, filters = width, width * draw(st.integers(1, 2))
        layers[f"l{i}"] = {"type": "conv2d", "filters": filters, "groups": groups}
        before = [j for j, each in enumerate(widths[:-1]) if each == width]
        if before and draw(st.booleans()):
            skips[f"s{i}"] = {"from": f"l{draw(st.sampled_from(before))}", "to": f"l{i}"}
        widths.append(filters)
    loop = {"from": f"l{len(widths) - 1}", "to": "l0", "fit": "project"}
    return NetworkSpec.model_validate(
        {
            "input": {"shape": [3, 5, 5]},
            "layers": {**layers, "fc": {"type": "dense", "units": 4}},
            "main": [*layers, "fc"],
            "skips": skips,
            "loops": {"loop": loop},
            "unroll": {"steps": 3},
        }
    )


@pytest.mark.parametrize(("control", "measure"), KINDS, ids=IDS)
@settings(max_examples=40, deadline=None)
@given(spec=grouped_specs())
def test_groups_and_pieces_stay_valid(
    spec: NetworkSpec, control: Control, measure: Callable[[Costs], int]
) -> None:
    try:
        matched = control(spec)
    except SpecError as error:
        refusal = str(error)
        assert "no hidden layer is free to change" in refusal
        return
    before, after = build_graph(no_loops(spec)), build_graph(matched)
    for name, node in before.layers.items():
        groups = node.spec.model_dump().get("groups", 1)
        depthwise = 1 < groups == node.input_shape[0]
        found = after.layers[name]
        expected = found.input_shape[0] if depthwise else groups
        assert found.spec.model_dump().get("groups", 1) == expected
    assert not any(edge.project for edge in after.skips)
    assert abs(price(matched, measure) - price(spec, measure)) <= abs(
        price(no_loops(spec), measure) - price(spec, measure)
    )

from __future__ import annotations

import pytest

from loopynet import load_spec
from loopynet.control import Difference, compare_costs, no_loops, same_parameters
from loopynet.graph import build_graph, costs
from reference.strategies import tiny


def test_differences_are_control_minus_original() -> None:
    original = load_spec("cifar10-loopy")
    control = same_parameters(original)
    found = compare_costs(original, control)
    assert found.original == costs(build_graph(original))
    assert found.control == costs(build_graph(control))
    assert found.parameters == 72_049 - 71_967
    assert found.relative_parameters == pytest.approx(82 / 71_967)
    assert found.multiply_adds == 41_935_872 - 123_893_760
    assert found.relative_multiply_adds == pytest.approx(-81_957_888 / 123_893_760)


def test_a_network_of_no_cost() -> None:
    spec = tiny("{input: {shape: [3, 4, 4]}, layers: {p: {type: global_pool}}, main: [p]}")
    same = compare_costs(spec, no_loops(spec))
    assert (same.parameters, same.relative_parameters) == (0, 0)
    more = Difference(same.original, compare_costs(spec, load_spec("mnist-loopy")).control)
    assert more.relative_multiply_adds == float("inf")

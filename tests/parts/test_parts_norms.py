"""The options of normalization and how many numbers they cost."""

import pytest
from pydantic import ValidationError

from loopynet.network.layer import build_norm
from loopynet.parts.norms import NormSpec
from loopynet.parts.shape import ShapeError

KINDS = ["none", "batch", "group", "layer"]
TIMES = ["shared", "per_step", "per_step_statistics"]


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("over_time", TIMES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(6,), (6, 4, 4)])
def test_costs_are_the_modules(kind, over_time, steps, shape):
    spec = NormSpec(type=kind, over_time=over_time)
    module = build_norm(spec, shape, steps)
    learned = 0 if module is None else sum(p.numel() for p in module.parameters())
    running = 0 if module is None else sum(b.numel() for b in module.buffers())
    assert (spec.parameters(shape, steps), spec.statistics(shape, steps)) == (learned, running)


@pytest.mark.parametrize(
    ("channels", "groups"), [(1, 1), (3, 3), (32, 32), (48, 24), (64, 32), (37, 1), (62, 31)]
)
def test_groups_by_default_are_the_largest_divisor_up_to_32(channels, groups):
    assert NormSpec(type="group").group_count((channels, 2, 2)) == groups


@pytest.mark.parametrize(
    ("units", "groups"), [(1, 1), (3, 1), (32, 16), (48, 24), (64, 32), (7, 1)]
)
def test_groups_of_a_vector_have_more_than_one_value(units, groups):
    assert NormSpec(type="group").group_count((units,)) == groups


def test_groups_of_one_value_are_refused():
    NormSpec(type="group", groups=3).check((6,))
    for spec, shape in (
        (NormSpec(type="group", groups=6), (6,)),
        (NormSpec(type="group", groups=6), (6, 1, 1)),
    ):
        with pytest.raises(ShapeError, match="groups of one value"):
            spec.check(shape)


def test_groups():
    assert NormSpec(type="group", groups=2).group_count((6, 2, 2)) == 2
    assert NormSpec(type="layer", groups=2).group_count((6, 2, 2)) == 1
    NormSpec(type="group", groups=3).check((6, 2, 2))
    NormSpec(type="batch", groups=4).check((6, 2, 2))
    with pytest.raises(ShapeError, match=r"one of 1, 2, 3, 6$"):
        NormSpec(type="group", groups=4).check((6, 2, 2))


@pytest.mark.parametrize(
    "options",
    [
        {"type": "Batch"},
        {"type": "instance"},
        {"over_time": "each"},
        {"momentum": 0},
        {"momentum": 1.1},
        {"eps": 0},
        {"eps": float("nan")},
        {"groups": 0},
        {"groups": 1.5},
        {"axis": 1},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValidationError):
        NormSpec(**options)

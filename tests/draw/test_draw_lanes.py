from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from loopynet.draw.grid import Spot
from loopynet.draw.lanes import Run, Zone, assign_lanes

SLOTS = [f"s{i}" for i in range(12)]


@st.composite
def runs(draw):
    onward = draw(st.booleans())
    ends = draw(st.lists(st.lists(st.sampled_from(SLOTS), min_size=2, max_size=2, unique=True)))
    return [
        Run(i, Zone("loop", i % 2), Spot(a, 0.1), Spot(b), onward) for i, (a, b) in enumerate(ends)
    ]


@given(runs())
def test_runs_that_overlap_take_different_lanes(found):
    lanes = assign_lanes(found, SLOTS)
    assert set(lanes) == set(found)
    for a, b in combinations(found, 2):
        if a.zone == b.zone and overlap(a, b):
            assert lanes[a] != lanes[b]


def overlap(a, b):
    (a0, a1), (b0, b1) = (
        sorted((SLOTS.index(spot.slot), spot.port) for spot in (run.start, run.end))
        for run in (a, b)
    )
    return a0 <= b1 and b0 <= a1


def test_arrows_side_by_side_to_the_next_row_do_not_cross():
    zone = Zone("loop", 0)
    left = Run(0, zone, Spot("s2"), Spot("s0"), True)
    right = Run(1, zone, Spot("s3"), Spot("s1"), True)
    lanes = assign_lanes([right, left], SLOTS)
    assert lanes == {left: 0, right: 1}

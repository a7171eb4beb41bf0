"""Which lane each arrow takes between two rows of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from loopynet.describe.columns import Span, assign_columns
from loopynet.draw.grid import Spot


class Zone(NamedTuple):
    """Lanes on one side of a row: those of skips before it, those of loops after it."""

    side: str
    row: int


class Run(NamedTuple):
    """The part of an arrow that goes along the stack.

    Attributes:
        arrow: the arrow's number, which tells equal runs apart.
        zone: where it is.
        start: where it begins.
        end: where it ends.
        onward: whether it leads from its row to the next one, and not back to the same.
    """

    arrow: int
    zone: Zone
    start: Spot
    end: Spot
    onward: bool = False


def assign_lanes(runs: Sequence[Run], slots: Sequence[str]) -> dict[Run, int]:
    """Return the lane of each run, counted from the row of its zone."""
    return {
        run: lane
        for zone in dict.fromkeys(run.zone for run in runs)
        for run, lane in _assign([run for run in runs if run.zone == zone], slots).items()
    }


def _assign(runs: Sequence[Run], slots: Sequence[str]) -> dict[Run, int]:
    order = {slot: i for i, slot in enumerate(slots)}
    ends = sorted({(order[s.slot], s.port) for run in runs for s in (run.start, run.end)})
    rank = {end: i for i, end in enumerate(ends)}
    pairs = [tuple(rank[order[s.slot], s.port] for s in (run.start, run.end)) for run in runs]
    spans: list[Span] = [(min(pair), max(pair)) for pair in pairs]
    lanes = assign_columns(spans)
    if all(run.onward for run in runs):
        # Arrows to the next row do not come back: the order from one end to the other may serve.
        last = max(lanes)
        by_start = {
            i: lane for lane, i in enumerate(sorted(range(len(runs)), key=spans.__getitem__))
        }
        choices = [lanes, [last - lane for lane in lanes], [by_start[i] for i in range(len(runs))]]
        lanes = min(choices, key=lambda choice: (_crossings(pairs, choice), max(choice)))
    return dict(zip(runs, lanes, strict=True))


def _crossings(pairs: Sequence[tuple[int, ...]], lanes: Sequence[int]) -> int:
    """Return how many crossings arrows from one row to the next have."""
    found = 0
    for (start, end), lane in zip(pairs, lanes, strict=True):
        for (a, b), other in zip(pairs, lanes, strict=True):
            entering = other > lane and min(start, end) < a < max(start, end)
            leaving = other < lane and min(start, end) < b < max(start, end)
            found += entering + leaving
    return found

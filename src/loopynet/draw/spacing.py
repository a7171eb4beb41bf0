"""Distances: how far apart the slots and the levels of a grid must be for all that stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from loopynet.draw.diagram import Node
from loopynet.draw.grid import Grid, Mark, Spot, Wire

SLOT_GAP = 21.0
TITLE_GAP = 8.0
"""Behind a title: it is not on the line."""

LEVEL_GAP = 15.0
LANE_GAP = 7.0
PORT_GAP = 9.0
ITEM_GAP = 13.0
PANEL_PADDING = 8.0
RAISE = 4.0
"""Between a title beside a line and the line."""

Extent = Callable[[Node], tuple[float, float]]
"""A node's size along the stack and across it."""

Stretch = tuple[Spot, Spot]
"""A part of a lane on which items can stand: nothing crosses it."""


class Need(NamedTuple):
    """Two spots, the first of them in an earlier slot, and how far apart they must be."""

    before: Spot
    after: Spot
    distance: float


class Along(NamedTuple):
    """Distances along the stack: the middle of each slot and half of its length."""

    middles: Mapping[str, float]
    halves: Mapping[str, float]

    def at(self, spot: Spot) -> float:
        """Return the coordinate of a spot."""
        return self.middles[spot.slot] + spot.port * 2 * self.halves[spot.slot]


class Across(NamedTuple):
    """Distances across the stack: each level's line, and what stands before and behind it."""

    lines: Mapping[str, float]
    before: Mapping[str, float]
    behind: Mapping[str, float]


def space_slots(grid: Grid, extent: Extent) -> tuple[Along, dict[Wire, Stretch]]:
    """Return the slots' coordinates, and the part of its lane on which each wire has its items."""
    halves = _halves(grid, extent)
    needs = list(_title_needs(grid, extent))
    rough = Along(_solve(grid.slots, halves, needs), halves)
    stretches = {wire: _widest(grid, wire, rough) for wire in grid.wires if wire.items}
    needs += [Need(*ends, _length(wire, extent)) for wire, ends in stretches.items()]
    return Along(_solve(grid.slots, halves, needs), halves), stretches


def _halves(grid: Grid, extent: Extent) -> dict[str, float]:
    """Return half the length of each slot: of its largest node, with room for its ports."""
    halves = {slot: (grid.ports.get(slot, -1) + 1) * PORT_GAP / 2 for slot in grid.slots}
    for mark in grid.marks:
        if mark.first == mark.last:
            halves[mark.first] = max(halves[mark.first], extent(mark.node)[0] / 2)
    for panel in grid.panels:
        first, last = panel.slots
        if panel.title and first == last:
            halves[first] = max(halves[first], extent(panel.title)[0] / 2)
    return halves


def _title_needs(grid: Grid, extent: Extent) -> Iterator[Need]:
    for panel in grid.panels:
        first, last = panel.slots
        if panel.title and first != last:
            yield Need(Spot(first, -0.5), Spot(last, 0.5), extent(panel.title)[0])
    for mark in grid.marks:
        if mark.first != mark.last:
            yield Need(Spot(mark.first, -0.5), Spot(mark.last, 0.5), extent(mark.node)[0])


def _solve(
    slots: Sequence[str], halves: Mapping[str, float], needs: Sequence[Need]
) -> dict[str, float]:
    """Return the smallest coordinates that leave gaps between slots and meet the needs."""
    middles: dict[str, float] = {}
    for i, slot in enumerate(slots):
        least = halves[slot]
        if i:
            before = slots[i - 1]
            gap = TITLE_GAP if before.startswith("/") and halves[before] else SLOT_GAP
            least += middles[before] + halves[before] + gap
        for need in needs:
            if need.after.slot == slot:
                start = middles[need.before.slot] + need.before.port * 2 * halves[need.before.slot]
                least = max(least, start + need.distance - need.after.port * 2 * halves[slot])
        middles[slot] = least
    return middles


def _length(wire: Wire, extent: Extent) -> float:
    return sum(extent(item)[0] + ITEM_GAP for item in wire.items) + ITEM_GAP


def _widest(grid: Grid, wire: Wire, rough: Along) -> Stretch:
    """Return the widest part of a wire's run that no other wire crosses.

    Parts within one slot are left out: more room between slots does not make them longer.
    """
    ends = (wire.points[wire.run], wire.points[wire.run + 1])
    first, last = sorted((point.spot for point in ends), key=grid.spot_order)
    between = {
        spot
        for spot in _crossing(grid, ends[0].level)
        if grid.spot_order(first) < grid.spot_order(spot) < grid.spot_order(last)
    }
    stops = [first, *sorted(between, key=grid.spot_order), last]
    parts = [(a, b) for a, b in pairwise(stops) if a.slot != b.slot]
    return max(parts, key=lambda part: rough.at(part[1]) - rough.at(part[0]))


def _crossing(grid: Grid, level: str) -> Iterator[Spot]:
    """Yield where wires go across a level or turn on it."""
    place = {name: i for i, name in enumerate(grid.levels)}
    for wire in grid.wires:
        for a, b in pairwise(wire.points):
            low, high = sorted((place[a.level], place[b.level]))
            if a.spot == b.spot and low <= place[level] <= high:
                yield a.spot


def space_levels(grid: Grid, extent: Extent) -> Across:
    """Return the levels' coordinates."""
    before, behind = dict.fromkeys(grid.levels, 0.0), dict.fromkeys(grid.levels, 0.0)
    for level, start, end in _heights(grid, extent):
        before[level], behind[level] = max(before[level], start), max(behind[level], end)
    lines: dict[str, float] = {}
    for i, level in enumerate(grid.levels):
        lines[level] = before[level]
        if i:
            last = grid.levels[i - 1]
            lines[level] += lines[last] + behind[last] + _level_gap(last, level)
    return Across(lines, before, behind)


def _level_gap(first: str, second: str) -> float:
    """Return what is left free between levels; lanes of one zone are close together."""
    zones = [level.rpartition(" ")[0] for level in (first, second)]
    return LANE_GAP if zones[0] == zones[1] and " " in zones[0] else LEVEL_GAP


def _heights(grid: Grid, extent: Extent) -> Iterator[tuple[str, float, float]]:
    """Yield each level with what a node needs before and behind its line."""
    for mark in grid.marks:
        yield mark.level, *_sides(mark, extent)
    for wire in grid.wires:
        for item in wire.items:
            half = extent(item)[1] / 2
            yield wire.points[wire.run].level, half, half
    for panel in grid.panels:
        if panel.title:
            half = extent(panel.title)[1] / 2
            yield panel.levels[0], half, half


def _sides(mark: Mark, extent: Extent) -> tuple[float, float]:
    across = extent(mark.node)[1]
    return (across + RAISE, 0.0) if mark.raised else (across / 2, across / 2)

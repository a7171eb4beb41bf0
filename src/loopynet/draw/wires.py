"""The way of each arrow: out of its source, along a lane, into its targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from loopynet.draw.diagram import OMITTED, Arrow, Diagram, Node
from loopynet.draw.grid import Point, Spot, Wire
from loopynet.draw.lanes import Run, Zone

MAIN_BUS = "/bus"
"""The slot in which the trunk's output goes across to every pass."""


@dataclass(frozen=True)
class Places:
    """Where arrows leave the stack.

    Attributes:
        ports: by an arrow's number, where it leaves its source.
        channels: by an arrow's number, the slot in which it goes across the passes between.
    """

    ports: Mapping[int, Spot]
    channels: Mapping[int, str]


@dataclass(frozen=True)
class Draft:
    """A wire whose lanes have no number yet: a level is a name, or the run that is on the lane."""

    kind: Literal["main", "loop", "skip"]
    points: tuple[tuple[Spot, str | Run], ...]
    source: str = ""
    target: str = ""
    items: tuple[Node, ...] = ()
    dot: bool = False

    def wire(self, lanes: Mapping[Run, int]) -> Wire:
        """Return the wire in its lanes; items stand on the first run."""
        levels = [lane_level(x.zone, lanes[x]) if isinstance(x, Run) else x for _, x in self.points]
        spots = [spot for spot, _ in self.points]
        points = tuple(Point(s, level) for s, level in zip(spots, levels, strict=True))
        run = next((i for i, (_, x) in enumerate(self.points) if isinstance(x, Run)), 0)
        return Wire(self.kind, points, self.source, self.target, self.items, run, self.dot)


def row_level(row: int) -> str:
    """Return the level of a row's nodes."""
    return f"row {row}"


def start_level(row: int) -> str:
    """Return the level of the initial values of loops that end in a row."""
    return f"start {row}"


def lane_level(zone: Zone, lane: int) -> str:
    """Return the level of a lane, counted from its row."""
    return f"{zone.side} {zone.row} {lane}"


def bus_slot(arrow: Arrow) -> str:
    """Return the slot in which an arrow of the trunk goes across to other rows."""
    return f"{arrow.name}{MAIN_BUS}"


def takes_bus(diagram: Diagram, arrow: Arrow) -> bool:
    """Say whether an arrow goes forward to other rows than its own."""
    home = diagram.nodes[arrow.source].row
    return (
        arrow.kind == "skip"
        and not arrow.delay
        and any(row != home for row in _rows(diagram, arrow))
    )


def draft_wires(diagram: Diagram, arrow: Arrow, number: int, places: Places) -> Iterator[Draft]:
    """Yield the wires of an arrow."""
    if arrow.delay:
        yield _onward(diagram, arrow, number, places)
    elif arrow.kind == "main":
        yield from _main(diagram, arrow)
    elif diagram.nodes[arrow.source].kind == "start":
        row, spot = diagram.nodes[arrow.source].row, Spot(arrow.enters)
        points = ((spot, start_level(row)), (spot, row_level(row)))
        yield Draft(arrow.kind, points, arrow.source, arrow.targets[0])
    elif takes_bus(diagram, arrow):
        yield from _to_rows(diagram, arrow, number, places)
    else:
        yield _back(diagram, arrow, number, places)


def _main(diagram: Diagram, arrow: Arrow) -> Iterator[Draft]:
    start, end, bus = Spot(arrow.leaves), Spot(arrow.enters), Spot(MAIN_BUS)
    home = diagram.nodes[arrow.source].row
    first = row_level(home)
    yield Draft("main", ((start, first), (end, first)), arrow.source, arrow.targets[0])
    others = arrow.targets[1:]
    for target in others:
        level = row_level(diagram.nodes[target].row)
        across = ((bus, first),) if target == others[-1] else ()
        yield Draft("main", (*across, (bus, level), (end, level)), "", target, dot=True)


def _back(diagram: Diagram, arrow: Arrow, number: int, places: Places) -> Draft:
    """Return the wire of an arc whose ends are in the same row."""
    row, start, end = diagram.nodes[arrow.source].row, places.ports[number], Spot(arrow.enters)
    run = Run(number, Zone(arrow.kind, row), start, end)
    level = row_level(row)
    points = ((start, level), (start, run), (end, run), (end, level))
    return Draft(arrow.kind, points, arrow.source, arrow.targets[0], _items(arrow))


def _onward(diagram: Diagram, arrow: Arrow, number: int, places: Places) -> Draft:
    """Return the wire to a later row; one of the main stack enters its target from below it."""
    (target,) = arrow.targets
    home, last = diagram.nodes[arrow.source].row, diagram.nodes[target].row
    start, end = places.ports[number], Spot(arrow.enters)
    if number in places.channels:
        channel = Spot(places.channels[number])
        start = channel if arrow.source == OMITTED else start
        end = channel if target == OMITTED else end
    run = Run(number, Zone("loop", home), start, end, True)
    points: tuple[tuple[Spot, str | Run], ...] = ((start, row_level(home)), (start, run))
    if last > home + 1:
        run = Run(number, Zone("loop", home), start, channel, True)
        final = Run(number, Zone("loop", last - 1), channel, end, True)
        points = (points[0], (start, run), (channel, run), (channel, final))
        run = final
    points = (*points, (end, run), (end, row_level(last)))
    if arrow.kind == "main":
        into = () if target == OMITTED else ((Spot(diagram.nodes[target].slot), row_level(last)),)
        return Draft("main", (*points, *into), arrow.source, target)
    return Draft(arrow.kind, points, arrow.source, target, _items(arrow))


def _to_rows(diagram: Diagram, arrow: Arrow, number: int, places: Places) -> Iterator[Draft]:
    """Yield the wires of a skip out of the trunk: to its bus, and from there into each row."""
    start, bus, end = places.ports[number], Spot(bus_slot(arrow)), Spot(arrow.enters)
    rows = dict(zip(_rows(diagram, arrow), arrow.targets, strict=True))
    trunk = Run(number, Zone("skip", 0), start, end if 0 in rows else bus)
    way = ((start, row_level(0)), (start, trunk), (bus, trunk))
    ways = {}
    for row in rows:
        run = Run(number, Zone("skip", row), bus, end) if row else trunk
        ways[row] = ((bus, run), (end, run), (end, row_level(row)))
    if len(rows) == 1:
        ((row, target),) = rows.items()
        yield Draft("skip", (*way, *ways[row]), arrow.source, target, _items(arrow))
        return
    yield Draft("skip", way, arrow.source, "", _items(arrow))
    for row, target in rows.items():
        across = ((bus, trunk),) if row == max(rows) else ()
        yield Draft("skip", (*across, *ways[row]), "", target, dot=row != 0)


def _rows(diagram: Diagram, arrow: Arrow) -> list[int]:
    return [diagram.nodes[target].row for target in arrow.targets]


def _items(arrow: Arrow) -> tuple[Node, ...]:
    label = Node(f"{arrow.name} label", "label", arrow.label)
    return (label, *arrow.through)

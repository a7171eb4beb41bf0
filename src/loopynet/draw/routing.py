"""From a diagram to a grid: which slots and lanes nodes and arrows take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from loopynet.describe.columns import assign_columns
from loopynet.draw.diagram import OMITTED, Block, Diagram, Node
from loopynet.draw.grid import Grid, Mark, Panel, Spot
from loopynet.draw.lanes import Run, Zone, assign_lanes
from loopynet.draw.wires import (
    MAIN_BUS,
    Places,
    bus_slot,
    draft_wires,
    lane_level,
    row_level,
    start_level,
    takes_bus,
)

TITLES = "titles"
"""The level of the sections' titles in a folded picture."""


def route(diagram: Diagram) -> Grid:
    """Give every node its slot and level, and every arrow its way."""
    channels = _channels(diagram)
    slots = tuple(_slots(diagram, channels))
    leaving = _leaving(diagram, slots)
    spots = _ports(leaving)
    ports = {i: spots[name] for i, name in _port_names(diagram).items()}
    places = Places(ports, channels)
    drafts = [
        draft
        for number, arrow in enumerate(diagram.arrows)
        for draft in draft_wires(diagram, arrow, number, places)
    ]
    levels = [level for draft in drafts for _, level in draft.points]
    lanes = assign_lanes([x for x in dict.fromkeys(levels) if isinstance(x, Run)], slots)
    ordered = tuple(_levels(diagram, lanes))
    return Grid(
        slots=slots,
        levels=ordered,
        marks=tuple(_marks(diagram)),
        wires=tuple(draft.wire(lanes) for draft in drafts),
        panels=tuple(_panels(diagram, ordered)),
        ports=_busiest(leaving),
    )


def _channels(diagram: Diagram) -> dict[int, str]:
    """Return the slot in which each arrow of a longer delay goes across the passes between."""
    found: dict[int, str] = {}
    late = {i: a for i, a in enumerate(diagram.arrows) if a.delay > 1}
    for name in dict.fromkeys(arrow.name for arrow in late.values()):
        numbers = [i for i, arrow in late.items() if arrow.name == name]
        spans = [
            (diagram.nodes[late[i].source].row, diagram.nodes[late[i].targets[0]].row - 1)
            for i in numbers
        ]
        columns = assign_columns(spans)
        found |= {i: f"{name}/{column}" for i, column in zip(numbers, columns, strict=True)}
    return found


def _slots(diagram: Diagram, channels: Mapping[int, str]) -> Iterator[str]:
    yield "input"
    for block in diagram.blocks:
        if diagram.unrolled and block.section == "body":
            yield from dict.fromkeys(
                bus_slot(arrow) for arrow in diagram.arrows if takes_bus(diagram, arrow)
            )
            yield MAIN_BUS
        if diagram.unrolled:
            yield _title_slot(block)
        for slot in block.slots:
            yield from sorted({c for c in channels.values() if c.rpartition("/")[0] == slot})
            yield slot


def _title_slot(block: Block) -> str:
    return f"/{block.section}"


def _leaving(diagram: Diagram, slots: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Return which edges leave each slot on each side, in the order of their ports.

    In that order their arcs do not cross: arcs that return to their row are nested, the nearest
    target innermost; arrows to the next row run side by side.
    """
    names = _port_names(diagram)
    edges = {name: diagram.arrows[i] for i, name in names.items()}
    found: dict[tuple[str, str], list[str]] = {}
    side: str
    for name, arrow in sorted(edges.items(), key=lambda pair: -slots.index(pair[1].enters)):
        side = "loop" if arrow.delay else arrow.kind
        found.setdefault((arrow.leaves, side), []).append(name)
    if diagram.unrolled:
        for (_, side), ports in found.items():
            ports.sort(key=lambda n: slots.index(edges[n].enters) * (1 if side == "loop" else -1))
    return found


def _port_names(diagram: Diagram) -> dict[int, str]:
    """Return the name of the port that each arrow of an edge leaves by, by the arrow's number.

    It is the edge's, but for later arrows of an edge out of one node: what that gave stands, and is
    read in several unrolls.
    """
    found: dict[int, str] = {}
    counts: dict[tuple[str, str], int] = {}
    for i, arrow in enumerate(diagram.arrows):
        if arrow.name:
            nth = counts[arrow.name, arrow.source] = counts.get((arrow.name, arrow.source), -1) + 1
            found[i] = f"{arrow.name}/{nth}" if nth else arrow.name
    return found


def _ports(leaving: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, Spot]:
    """Return where each edge leaves its source, evenly spread over the side."""
    return {
        name: Spot(slot, (i + 1) / (len(names) + 1) - 0.5)
        for (slot, _), names in leaving.items()
        for i, name in enumerate(names)
    }


def _busiest(leaving: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, int]:
    most: dict[str, int] = {}
    for (slot, _), names in leaving.items():
        most[slot] = max(most.get(slot, 0), len(names))
    return most


def _levels(diagram: Diagram, lanes: Mapping[Run, int]) -> Iterator[str]:
    """Yield the levels; in a folded picture loops stand before the row and skips behind it."""
    before, behind = ("skip", "loop") if diagram.unrolled else ("loop", "skip")
    depths: dict[Zone, int] = {}
    for run, lane in lanes.items():
        depths[run.zone] = max(depths.get(run.zone, 0), lane + 1)
    if not diagram.unrolled and any(block.titles[0] for block in diagram.blocks):
        yield TITLES
    starts = {node.row for node in diagram.nodes.values() if node.kind == "start"}
    for row in range(diagram.rows):
        inwards = reversed(range(depths.get(Zone(before, row), 0)))
        yield from (lane_level(Zone(before, row), lane) for lane in inwards)
        if row in starts:
            yield start_level(row)
        yield row_level(row)
        outwards = range(depths.get(Zone(behind, row), 0))
        yield from (lane_level(Zone(behind, row), lane) for lane in outwards)


def _marks(diagram: Diagram) -> Iterator[Mark]:
    for node in diagram.nodes.values():
        level = start_level(node.row) if node.kind == "start" else row_level(node.row)
        if node.id == OMITTED:
            body = next(block for block in diagram.blocks if block.section == "body")
            yield Mark(node, level, _title_slot(body), body.slots[-1])
        else:
            yield Mark(node, level, node.slot, node.slot)
    if diagram.unrolled:
        for block in diagram.blocks:
            for row, title in enumerate(block.titles):
                if title:
                    slot = _title_slot(block)
                    yield Mark(_title(title), row_level(row), slot, slot, raised=True)


def _title(text: str) -> Node:
    return Node(f"{text} title", "title", ((text, "title"),))


def _panels(diagram: Diagram, levels: Sequence[str]) -> Iterator[Panel]:
    for block in diagram.blocks:
        for row, title in enumerate(block.titles):
            if not title:
                continue
            if not diagram.unrolled:
                ends = block.slots[0], block.slots[-1]
                yield Panel(block.section, _title(title), ends, (levels[0], levels[-1]))
                continue
            own = [x for x in levels if x.split()[0] != "loop" and x.split()[1] == str(row)]
            yield Panel(
                block.section, None, (_title_slot(block), block.slots[-1]), (own[0], own[-1])
            )

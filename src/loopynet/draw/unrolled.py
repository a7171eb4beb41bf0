"""The unrolled picture: a row for each pass through the loopy section, trunk and head beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from loopynet.draw.diagram import OMITTED, Arrow, Block, Diagram, Node
from loopynet.draw.folded import layer_node, merge_node
from loopynet.draw.texts import arrows_note, colors_note, input_lines, sections
from loopynet.graph.nodes import INPUT, Edge, Graph, Section

MOST_ROWS = 8
"""Networks with more unrolls are drawn with the first three and the last one."""

Times = tuple[int | None, ...]
"""The unroll that each row shows; None for the row that stands for the omitted ones."""


def unroll(graph: Graph) -> Diagram:
    """Return the unrolled picture of a network with loops."""
    times = _times(graph.steps)
    nodes = {node.id: node for node in _nodes(graph, times)}
    main = _main(graph, times, list(nodes.values()))
    kinds = {edge.name: edge.kind for edge in graph.edges}
    loops = [arrow for edge in graph.loops for arrow in _onward(graph, edge, times)]
    starts = [
        Arrow(kinds[n.slot], "", n.id, (n.id.split()[0],), leaves=n.slot, enters=n.slot)
        for n in nodes.values()
        if n.kind == "start"
    ]
    chain = [arrow for name in graph.delays for arrow in _chain(graph, name, times)]
    skips = [arrow for edge in graph.skips for arrow in _skip(graph, edge, times)]
    return Diagram(
        title=f"{graph.name}, {graph.steps} unrolls",
        notes=tuple(_notes(graph, nodes)),
        unrolled=True,
        tied=graph.tied,
        rows=len(times),
        blocks=tuple(_blocks(graph, times)),
        nodes=nodes,
        arrows=(*main, *chain, *starts, *loops, *skips),
    )


def _times(steps: int) -> Times:
    return tuple(range(1, steps + 1)) if steps <= MOST_ROWS else (1, 2, 3, None, steps)


def _drawn(graph: Graph, section: Section, times: Times) -> list[tuple[int, int]]:
    """Return row and unroll wherever a section is drawn."""
    every = [(row, t) for row, t in enumerate(times) if t is not None]
    if section == "trunk":
        return every[:1]
    return every if section == "body" else [(r, t) for r, t in every if t in graph.readout_times]


def _nodes(graph: Graph, times: Times) -> Iterator[Node]:
    yield Node(INPUT, "input", input_lines(graph), INPUT)
    for section, names in sections(graph):
        for row, t in _drawn(graph, section, times):
            for name in names:
                if t in graph.layer_times(graph.layers[name]):
                    yield from _waiting(graph, name, row, t)
                    for edge in graph.edges_into(name):
                        yield from _joint(graph, edge, row, t)
                    yield layer_node(graph, name, f"{name}@{t}", row, None)
    if None in times:
        row = times.index(None)
        text = f"unrolls {row + 1} to {graph.steps - 1}"
        yield Node(OMITTED, "omitted", (("⋯", "name"), (text, "words")), "", row, "body")


def _waiting(graph: Graph, name: str, row: int, t: int) -> Iterator[Node]:
    """Yield the zeros that enter a layer before the first signal from below it."""
    if t <= graph.delays.get(name, 0) and graph.initial == "zero":
        yield Node(f"{name}@{t} zero", "zero", (("0", "mark"),), _entrance(name), row, "body")


def _entrance(name: str) -> str:
    """Return the slot in which a delayed main-stack edge ends, before the merges of its layer."""
    return f"{name}/in"


def _joint(graph: Graph, edge: Edge, row: int, t: int) -> Iterator[Node]:
    """Yield where an edge joins at unroll t, after what it gives before its first signal."""
    merge = merge_node(edge, f"{edge.name}@{t}", row, graph)
    if edge.section != "body" or graph.timetable.has_sent(edge, t):
        yield merge
    elif edge.initial == "absent":
        yield Node(merge.id, "absent", (), edge.name, row, "body")
    else:
        value = "0" if edge.initial == "zero" else "1"
        start = f"{merge.id} {edge.initial}"
        yield Node(start, "start", ((value, "mark"),), edge.name, row, "body")
        yield merge


def _first_node(graph: Graph, name: str, t: int) -> str:
    """Return the id of what the main stack enters at a layer: its first merge or the layer."""
    return f"{next((edge.name for edge in graph.edges_into(name)), name)}@{t}"


def _main(graph: Graph, times: Times, nodes: Sequence[Node]) -> list[Arrow]:
    """Return the arrows of the stack within a pass; that from the trunk reaches every pass."""
    delayed = {_first_node(graph, name, t) for name in graph.delays for t in times if t}
    drawn = [node for node in nodes if node.kind not in ("start", "omitted")]
    trunk = [node for node in drawn if node.section == "trunk"]
    passes = [[n for n in drawn if n.row == row and n not in trunk] for row in range(len(times))]
    steps = [
        (a, b)
        for stack in (trunk, *passes)
        for a, b in pairwise(stack)
        if a.kind == "zero" or (b.kind != "zero" and b.id not in delayed)
    ]
    runs = graph.layer_times(graph.layers[graph.body[0]])
    bottom = graph.body[0]
    targets: dict[int | None, str] = {t: _first_node(graph, bottom, t) for t in runs if t in times}
    if any(t in runs for t in _omitted(times)):
        targets[None] = OMITTED
    first = next(node for node in nodes if node.id == targets[1])
    across = tuple(targets[t] for t in times if t in targets)
    return [
        Arrow("main", "", trunk[-1].id, across, leaves=trunk[-1].slot, enters=first.slot),
        *(Arrow("main", "", a.id, (b.id,), leaves=a.slot, enters=b.slot) for a, b in steps),
    ]


def _omitted(times: Times) -> range:
    """Return the unrolls that are not drawn."""
    drawn = [t for t in times if t is not None]
    return range(drawn[-2] + 1, drawn[-1]) if None in times else range(0)


def _chain(graph: Graph, name: str, times: Times) -> Iterator[Arrow]:
    """Yield the signals of the delayed main-stack edge into a layer."""
    below, delay = graph.main[graph.main.index(name) - 1], graph.delays[name]
    into = {t - delay for t in graph.layer_times(graph.layers[name])}
    sent = [t for t in graph.layer_times(graph.layers[below]) if t in into]
    place = _entrance(name)
    reads = graph.layer_times(graph.layers[name])
    ends = _standing(graph, below, name, reads, times) or [
        (delay, *pair) for pair in _ends(times, sent, delay)
    ]
    for later, source, arrives in ends:
        start = OMITTED if source is None else f"{below}@{source}"
        target = OMITTED if arrives is None else _first_node(graph, name, arrives)
        yield Arrow("main", place, start, (target,), leaves=below, enters=place, delay=later)


Ends = list[tuple[int, int | None, int | None]]
"""Delays of signals with the unrolls of their ends."""


def _standing(
    graph: Graph, source: str, target: str, reads: Sequence[int], times: Times
) -> Ends | None:
    """Return the ends of what a layer gave before its section ended, at each unroll of its reader.

    None if its section does not end before the reader runs.
    """
    last = graph.timetable.last(source)
    if last >= graph.timetable.first[target]:
        return None
    found: dict[tuple[int | None, int | None], int] = {}
    for t in reads:  # the soonest first: the layers on the way are drawn with that one
        for pair in _ends(times, [last], t - last):
            found.setdefault(pair, t - last)
    return [(later, *pair) for pair, later in found.items()]


def _onward(graph: Graph, edge: Edge, times: Times) -> Iterator[Arrow]:
    """Yield the signals of a loop, or of a skip with a delay."""
    merges = graph.merge_times(edge)
    ends = _standing(graph, edge.source, edge.target, merges, times) or [
        (edge.delay, *pair) for pair in _ends(times, graph.signal_times(edge), edge.delay)
    ]
    for i, (delay, source, arrives) in enumerate(ends):
        start = OMITTED if source is None else f"{edge.source}@{source}"
        target = OMITTED if arrives is None else f"{edge.name}@{arrives}"
        row = times.index(source)
        arrow = _arrow(graph, edge, source, row, start, (target,))
        stands = i > 0 and delay != ends[0][0]  # the layers on its way ran once
        yield replace(arrow, delay=delay, through=() if stands else arrow.through)


def _ends(times: Times, sent: Sequence[int], delay: int) -> Iterator[tuple[int | None, int | None]]:
    """Yield the unrolls of signals' ends; None for ends in those that are not drawn.

    Signals between unrolls before the omitted ones and the last end in the omitted ones, too.
    """
    before = times[: times.index(None)] if None in times else times
    for t in before:
        if t in sent:
            arrives = t + delay  # type: ignore[operator]
            yield t, arrives if arrives in before else None
    last = times[-1]
    if None in times and last is not None and last - delay in sent:
        yield None, last


def _skip(graph: Graph, edge: Edge, times: Times) -> Iterator[Arrow]:
    """Yield the signals of a skip: one for all passes if the trunk sends it."""
    if edge.delay:
        yield from _onward(graph, edge, times)
        return
    merges = graph.merge_times(edge)
    drawn = _drawn(graph, graph.section_of(edge.target), times)
    into = [(row, t) for row, t in drawn if t in merges]
    if graph.section_of(edge.source) == "trunk":
        source = INPUT if edge.source == INPUT else f"{edge.source}@1"
        targets = {row: f"{edge.name}@{t}" for row, t in into}
        if any(t in merges for t in _omitted(times)) and graph.section_of(edge.target) == "body":
            targets[times.index(None)] = OMITTED
        yield _arrow(graph, edge, 1, 0, source, tuple(targets[row] for row in sorted(targets)))
        return
    for row, t in into:
        sent = graph.timetable.stood(edge.source, t) if edge.section == "head" else t
        start = f"{edge.source}@{sent}" if sent in times else OMITTED
        arrow = _arrow(graph, edge, t, row, start, (f"{edge.name}@{t}",))
        yield replace(arrow, delay=t - sent)


def _arrow(
    graph: Graph, edge: Edge, t: int | None, row: int, source: str, targets: tuple[str, ...]
) -> Arrow:
    """Return the signal of unroll t; None if that is omitted, and the layers on it as well."""
    through = [layer_node(graph, n, f"{n}@{t}", row, None) for n in edge.through if t is not None]
    return Arrow(
        edge.kind,
        edge.name,
        source,
        targets,
        label=((edge.name, "label"),),
        through=tuple(through),
        leaves=edge.source,
        enters=edge.name,
        delay=edge.delay,
    )


def _blocks(graph: Graph, times: Times) -> Iterator[Block]:
    for section, names in sections(graph):
        rows = dict(_drawn(graph, section, times))
        titles = tuple(
            None if row not in rows else f"unroll {t}" if section == "body" else section
            for row, t in enumerate(times)
        )
        yield Block(section, tuple(_slots(graph, names)), titles)


def _slots(graph: Graph, names: Sequence[str]) -> Iterator[str]:
    """Yield the places of layers, each behind those of its merges and of a delayed edge's end."""
    for name in names:
        if name in graph.delays:
            yield _entrance(name)
        yield from (edge.name for edge in graph.edges_into(name))
        yield name


def _notes(graph: Graph, nodes: dict[str, Node]) -> Iterator[str]:
    yield f"{colors_note(graph)} {arrows_note(graph)}"
    kinds = {node.kind for node in nodes.values()}
    if "absent" in kinds:
        yield "Dotted circle: no signal yet, the input passes unchanged."
    if "start" in kinds:
        yield "0 or 1 at a circle: the edge's initial value."
    if "zero" in kinds:
        yield "0 on the stack: nothing has come from the layer below yet."

"""The unrolled picture: a row for each pass through the loopy section, trunk and head beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from loopynet.draw.diagram import OMITTED, Arrow, Block, Diagram, Node
from loopynet.draw.folded import layer_node, merge_node, slots
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
    loops = [arrow for edge in graph.loops for arrow in _loop(graph, edge, times)]
    starts = [
        Arrow("loop", "", node.id, (node.id.split()[0],), leaves=node.slot, enters=node.slot)
        for node in nodes.values()
        if node.kind == "start"
    ]
    skips = [arrow for edge in graph.skips for arrow in _skip(graph, edge, times)]
    return Diagram(
        title=f"{graph.name}, {graph.steps} unrolls",
        notes=tuple(_notes(graph, nodes)),
        unrolled=True,
        tied=graph.tied,
        rows=len(times),
        blocks=tuple(_blocks(graph, times)),
        nodes=nodes,
        arrows=(*main, *starts, *loops, *skips),
    )


def _times(steps: int) -> Times:
    return tuple(range(1, steps + 1)) if steps <= MOST_ROWS else (1, 2, 3, None, steps)


def _drawn(graph: Graph, section: Section, times: Times) -> list[tuple[int, int]]:
    """Return row and unroll wherever a section is drawn."""
    every = [(row, t) for row, t in enumerate(times) if t is not None]
    if section == "trunk":
        return every[:1]
    return every if section == "body" or graph.readout == "each" else every[-1:]


def _nodes(graph: Graph, times: Times) -> Iterator[Node]:
    yield Node(INPUT, "input", input_lines(graph), INPUT)
    for section, names in sections(graph):
        for row, t in _drawn(graph, section, times):
            for name in names:
                for edge in graph.edges_into(name):
                    yield from _joint(graph, edge, row, t)
                yield layer_node(graph, name, f"{name}@{t}", row, None)
    if None in times:
        row = times.index(None)
        text = f"unrolls {row + 1} to {graph.steps - 1}"
        yield Node(OMITTED, "omitted", (("⋯", "name"), (text, "words")), "", row, "body")


def _joint(graph: Graph, edge: Edge, row: int, t: int) -> Iterator[Node]:
    """Yield where an edge joins at unroll t, after what a loop gives before its first signal."""
    merge = merge_node(edge, f"{edge.name}@{t}", row, graph)
    if t > edge.delay:
        yield merge
    elif edge.initial == "absent":
        yield Node(merge.id, "absent", (), edge.name, row, "body")
    else:
        value = "0" if edge.initial == "zero" else "1"
        start = f"{merge.id} {edge.initial}"
        yield Node(start, "start", ((value, "mark"),), edge.name, row, "body")
        yield merge


def _main(graph: Graph, times: Times, nodes: Sequence[Node]) -> list[Arrow]:
    """Return the arrows of the stack; that from the trunk reaches every pass."""
    chain = [node for node in nodes if node.kind not in ("start", "omitted")]
    parts: dict[Section, dict[int, list[Node]]] = {"trunk": {0: []}, "body": {}, "head": {}}
    for node in chain[1:]:
        parts[node.section].setdefault(node.row, []).append(node)
    trunk, bodies, heads = [chain[0], *parts["trunk"][0]], parts["body"], parts["head"]
    stacks = [trunk, *(body + heads.get(row, []) for row, body in bodies.items())]
    steps = [pair for stack in stacks for pair in pairwise(stack)]
    last, first = trunk[-1], bodies[0][0]
    rows = range(len(times))
    targets = tuple(bodies[row][0].id if row in bodies else OMITTED for row in rows)
    return [
        Arrow("main", "", last.id, targets, leaves=last.slot, enters=first.slot),
        *(Arrow("main", "", a.id, (b.id,), leaves=a.slot, enters=b.slot) for a, b in steps),
    ]


def _loop(graph: Graph, edge: Edge, times: Times) -> Iterator[Arrow]:
    """Yield the signals of a loop; those that the omitted unrolls send or receive end there."""
    before = times[: times.index(None)] if None in times else times
    for t in before:
        if t is not None and t + edge.delay <= graph.steps:
            arrives = t + edge.delay
            target = f"{edge.name}@{arrives}" if arrives in before else OMITTED
            yield _arrow(graph, edge, t, times.index(t), f"{edge.source}@{t}", (target,))
    if None in times:
        row = times.index(None)
        yield _arrow(graph, edge, None, row, OMITTED, (f"{edge.name}@{graph.steps}",))


def _skip(graph: Graph, edge: Edge, times: Times) -> Iterator[Arrow]:
    """Yield the signals of a skip: one for all passes if the trunk sends it."""
    into = _drawn(graph, graph.section_of(edge.target), times)
    if graph.section_of(edge.source) == "trunk":
        source = INPUT if edge.source == INPUT else f"{edge.source}@1"
        targets = {row: f"{edge.name}@{t}" for row, t in into}
        if None in times and graph.section_of(edge.target) == "body":
            targets[times.index(None)] = OMITTED
        yield _arrow(graph, edge, 1, 0, source, tuple(targets[row] for row in sorted(targets)))
        return
    for row, t in into:
        yield _arrow(graph, edge, t, row, f"{edge.source}@{t}", (f"{edge.name}@{t}",))


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
        yield Block(section, slots(graph, names), titles)


def _notes(graph: Graph, nodes: dict[str, Node]) -> Iterator[str]:
    yield f"{colors_note(graph)} {arrows_note(graph)}"
    kinds = {node.kind for node in nodes.values()}
    if "absent" in kinds:
        yield "Dotted circle: no signal yet, the input passes unchanged."
    if "start" in kinds:
        yield "0 or 1 at a circle: the loop's initial value."

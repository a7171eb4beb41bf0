"""What runs at which unroll: when a value is there at the earliest, and which logits read it.

Nothing here depends on how many unrolls a run has. A value at unroll t is *there* from the first
unroll at which its layer's input has arrived; it is *read* by the logits of some unroll r >= t, the
earliest that depend on it. A run of k unrolls computes what is there and read up to k; a run of
unknown length computes all that is there.

A layer of a section that has ended runs no more, and its last output stands: whatever reads it
later reads that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from loopynet.spec.schedule import ENDLESS

if TYPE_CHECKING:
    from loopynet.graph.nodes import Edge

NEVER = ENDLESS
"""The unroll of logits that never come."""


@dataclass(frozen=True)
class Timetable:
    """The order of events of one loopy section.

    Attributes:
        body: the layers of the loopy section in order.
        delays: unrolls that the main stack's edge into each of them takes, but for the first.
        waits: whether a layer has no output until its main-stack input has arrived
            (`unroll.initial: absent`); it starts from zeros otherwise.
        edges: the loops, and the skips with both ends in the loopy section.
        read: the layers that the head reads: the last one, and those that a skip takes there.
        windows: with several sections, the first and the last unroll of each layer.
    """

    body: tuple[str, ...]
    delays: Mapping[str, int]
    waits: bool
    edges: tuple[Edge, ...]
    read: frozenset[str]
    windows: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @cached_property
    def first(self) -> dict[str, int]:
        """The first unroll at which each layer has an output."""
        found, t = {}, 1
        for name in self.body:
            t += self.delays.get(name, 0) if self.waits else 0
            t = max(t, self.windows.get(name, (1,))[0])
            found[name] = t
        return found

    def last(self, name: str) -> int:
        """Return the last unroll at which a layer runs; ENDLESS if its section does not end."""
        return self.windows.get(name, (1, ENDLESS))[1]

    def stood(self, name: str, t: int) -> int:
        """Return the unroll of the output that whoever reads a layer at unroll t finds."""
        return min(t, self.last(name))

    def runs(self, name: str, t: int, count: int | None) -> bool:
        """Say whether a layer runs at unroll t in a run of `count`; None for one of unknown length.

        Layers outside the loopy section run whenever their section does.
        """
        if name not in self.first:
            return True
        there = self.first[name] <= t <= self.last(name)
        return there and (count is None or self.read_at(name, t) <= count)

    def sends(self, edge: Edge, t: int, count: int | None) -> bool:
        """Say whether the signal that leaves an edge's source at unroll t is computed."""
        uses = self._read_times(edge.source, t, edge.target, edge.delay, self._echoes(edge))
        sent = self.first[edge.source] <= t <= self.last(edge.source)
        return sent and any(self.runs(edge.target, s, count) for s in uses)

    def has_sent(self, edge: Edge, t: int) -> bool:
        """Say whether an edge has a signal of its source at unroll t, if it is computed at all."""
        return t - edge.delay >= self.first[edge.source]

    def stands(self, source: str, target: str, t: int) -> bool:
        """Say whether what leaves at unroll t is still what a layer gave before its section ended.

        False if its reader has run for the last time, too.
        """
        return self.last(source) < t < self.last(target)

    def merges(self, edge: Edge, t: int, count: int | None) -> bool:
        """Say whether an edge joins its target at unroll t, be it with its initial signal."""
        there = edge.initial != "absent" or self.has_sent(edge, t)
        return there and self.runs(edge.target, t, count)

    def read_at(self, name: str, t: int) -> int:
        """Return the earliest unroll whose logits depend on a layer's output at unroll t."""
        ways = self._ways[name]
        return t + ways[min(t, len(ways)) - 1]

    def first_effect(self, edge: Edge) -> int:
        """Return the earliest unroll whose logits depend on a signal that an edge has sent."""
        start = max(self.first[edge.source] + edge.delay, self.first[edge.target])
        end = max(start, *self.first.values())
        times = range(start, min(end, self.last(edge.target)) + 1)
        return min((self.read_at(edge.target, t) for t in times), default=NEVER)

    @cached_property
    def _ways(self) -> dict[str, list[int]]:
        """For each layer, how many unrolls its output at t = 1, 2, ... takes to the logits.

        They are found backwards from the unroll at which every layer has an output. From there on
        they stay, so that the last number holds for all later unrolls.
        """
        settled = max(self.first.values(), default=1)
        found = {name: [NEVER] * (settled - 1) + [way] for name, way in self._last_ways().items()}
        for t in range(settled - 1, 0, -1):
            for name in reversed(self.body):
                if self.first[name] <= t <= self.last(name):
                    stands = name in self.read and t == self.last(name)
                    ways = [settled - t] if stands else []
                    ways += [
                        s - t + found[target][min(s, settled) - 1]
                        for target, delay, echoes in self._readers(name)
                        for s in self._read_times(name, t, target, delay, echoes)
                    ]
                    found[name][t - 1] = min(ways, default=NEVER)
        return found

    def _read_times(self, source: str, t: int, target: str, delay: int, echoes: int = 0) -> range:
        """Return when a reader takes a layer's output at unroll t: once, or as long as it stands.

        Later than the unroll at which every layer has an output nothing is read sooner.
        """
        arrives, settled = t + delay, max(self.first.values())
        stop = max(arrives, settled) if t == self.last(source) else arrives + echoes
        return range(max(arrives, self.first[target]), min(stop, self.last(target)) + 1)

    def _last_ways(self) -> dict[str, int]:
        """Return the shortest way from each layer to the logits once every layer has an output."""
        found = {name: sum(self.delays.get(n, 0) for n in self._above(name)) for name in self.body}
        found |= dict.fromkeys(self.read, 0)
        changed = True
        while changed:
            changed = False
            for name in reversed(self.body):
                for target, delay, _ in self._readers(name):
                    if delay + found[target] < found[name]:
                        found[name], changed = delay + found[target], True
        return found

    def _readers(self, name: str) -> Iterator[tuple[str, int, int]]:
        """Yield target, delay and echoes of all in the section that reads a layer's output."""
        for target in self._above(name)[:1]:
            yield target, self.delays.get(target, 0), 0
        for edge in self.edges:
            if edge.source == name:
                yield edge.target, edge.delay, self._echoes(edge)

    def _echoes(self, edge: Edge) -> int:
        """Return in how many later signals a signal has a share, as far as that matters here.

        In a damped loop it is all of them. Once every layer has an output, later ones are read no
        sooner than the first.
        """
        return max(self.first.values()) if edge.damping < 1 else 0

    def _above(self, name: str) -> tuple[str, ...]:
        return self.body[self.body.index(name) + 1 :]

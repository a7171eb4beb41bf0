"""Where lines cross without meeting: there the one across the page is interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from loopynet.draw.scene import Corner, Stroke

_NEAR = 0.01


class Crossing(NamedTuple):
    """A point and the line that is drawn through it from top to bottom."""

    point: Corner
    over: Stroke


class _Part(NamedTuple):
    start: Corner
    end: Corner
    stroke: Stroke

    @property
    def upright(self) -> bool:
        return self.start[0] == self.end[0]


def crossings(strokes: Sequence[Stroke]) -> Iterator[Crossing]:
    """Yield the crossings of upright lines with level ones; ends that touch are none."""
    parts = [
        _Part(min(ends), max(ends), stroke)
        for stroke in strokes
        for ends in pairwise(stroke.points)
    ]
    level = [part for part in parts if not part.upright]
    for over in parts:
        if not over.upright:
            continue
        x = over.start[0]
        for below in level:
            y = below.start[1]
            inside = over.start[1] + _NEAR < y < over.end[1] - _NEAR
            if inside and below.start[0] + _NEAR < x < below.end[0] - _NEAR:
                yield Crossing((x, y), over.stroke)

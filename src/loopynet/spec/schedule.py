"""When signals arrive along the main stack, as far as the names in a spec say it."""

from __future__ import annotations

import sys
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loopynet.spec.network import NetworkSpec
    from loopynet.spec.wiring import Skip


ENDLESS = sys.maxsize
"""The last unroll of a layer that runs as long as the network does."""


def loopy_section(spec: NetworkSpec) -> tuple[str, ...]:
    """Return the layers of `main` from the first at which a loop ends to the last that starts one.

    It is empty without loops. A loop whose ends are no layers of `main` is passed over; the graph
    refuses it.
    """
    main = spec.main
    ends = [loop for loop in spec.loops.values() if {loop.from_, loop.to} <= set(main)]
    if not ends:
        return ()
    first = min(main.index(loop.to) for loop in ends)
    last = max(main.index(loop.from_) for loop in ends)
    return main[first : last + 1]


def joined_loops(spec: NetworkSpec) -> list[tuple[str, ...]]:
    """Return the layers of `main` that loops span, those of loops with a common layer together."""
    main = spec.main
    ends = [loop for loop in spec.loops.values() if {loop.from_, loop.to} <= set(main)]
    joined: list[tuple[int, int]] = []
    for first, last in sorted((main.index(loop.to), main.index(loop.from_)) for loop in ends):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return [main[first : last + 1] for first, last in joined]


def section_windows(spec: NetworkSpec) -> dict[str, tuple[int, int]]:
    """Return the first and the last unroll of each layer, with `unroll.sections`; else nothing.

    What stands between two sections runs once, in the last unroll of the lower one. The highest
    section has no last unroll (`ENDLESS`).
    """
    if not spec.unroll.sections:
        return {}
    found: dict[str, tuple[int, int]] = {}
    groups, end = joined_loops(spec), 0
    body = loopy_section(spec)
    for i, (group, passes) in enumerate(zip(groups, spec.unroll.sections, strict=True), 1):
        start, end = end + 1, end + passes if i < len(groups) else ENDLESS
        above = body.index(groups[i][0]) if i < len(groups) else len(body)
        for name in body[body.index(group[0]) : above]:
            found[name] = (start if name in group else end, end)
    return found


def ended_section(spec: NetworkSpec, source: str, target: str) -> int:
    """Return the number, from 1, of the section of `source` if it ends before `target` runs.

    0 if it does not. What `source` gave last stands then, and `target` reads it at every unroll.
    """
    windows = section_windows(spec)
    end = windows.get(source, (1, ENDLESS))[1]
    if end >= windows.get(target, (ENDLESS,))[0]:
        return 0
    return [*accumulate(spec.unroll.sections)].index(end) + 1


def chain_delays(spec: NetworkSpec) -> dict[str, int]:
    """Return the unrolls that the main stack's edge into each layer of the loopy section takes.

    The first layer is left out: the trunk's output is there at every unroll. What one section gives
    to the next is there an unroll later.
    """
    usual, body = usual_delay(spec), loopy_section(spec)
    return {
        name: 1 if ended_section(spec, below, name) else spec.unroll.delays.get(name, usual)
        for below, name in pairwise(body)
    }


def skip_delay(spec: NetworkSpec, skip: Skip) -> int:
    """Return the unrolls that a skip takes; 0 unless both ends are in the loopy section."""
    section = loopy_section(spec)
    if skip.from_ not in section or skip.to not in section:
        return 0
    if ended_section(spec, skip.from_, skip.to):
        return 1
    return usual_delay(spec) if skip.delay is None else skip.delay


def usual_delay(spec: NetworkSpec) -> int:
    """Return the delay of a forward edge in the loopy section that names none itself."""
    return 1 if spec.unroll.schedule == "parallel" else 0


def full_depth(spec: NetworkSpec) -> int:
    """Return the unroll at which the input has passed every layer of the loopy section."""
    return 1 + sum(chain_delays(spec).values())


def first_readout(spec: NetworkSpec) -> int:
    """Return the first unroll after which there are logits."""
    if spec.unroll.sections and spec.unroll.steps > 1:
        return 1 + sum(spec.unroll.sections[:-1])
    absent = spec.unroll.initial == "absent" and spec.unroll.steps > 1
    return full_depth(spec) if absent else 1

"""When signals arrive along the main stack, as far as the names in a spec say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loopynet.spec.network import NetworkSpec
    from loopynet.spec.wiring import Skip


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


def chain_delays(spec: NetworkSpec) -> dict[str, int]:
    """Return the unrolls that the main stack's edge into each layer of the loopy section takes.

    The first layer is left out: the trunk's output is there at every unroll.
    """
    usual = usual_delay(spec)
    return {name: spec.unroll.delays.get(name, usual) for name in loopy_section(spec)[1:]}


def skip_delay(spec: NetworkSpec, skip: Skip) -> int:
    """Return the unrolls that a skip takes; 0 unless both ends are in the loopy section."""
    section = loopy_section(spec)
    if skip.from_ not in section or skip.to not in section:
        return 0
    return usual_delay(spec) if skip.delay is None else skip.delay


def usual_delay(spec: NetworkSpec) -> int:
    """Return the delay of a forward edge in the loopy section that names none itself."""
    return 1 if spec.unroll.schedule == "parallel" else 0


def full_depth(spec: NetworkSpec) -> int:
    """Return the unroll at which the input has passed every layer of the loopy section."""
    return 1 + sum(chain_delays(spec).values())


def first_readout(spec: NetworkSpec) -> int:
    """Return the first unroll after which there are logits."""
    absent = spec.unroll.initial == "absent" and spec.unroll.steps > 1
    return full_depth(spec) if absent else 1

"""One pass of the loop as a function of the carry: all that is asked of the network's inside."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from loopynet.errors import LoopyNetError
from loopynet.graph import Graph
from loopynet.network import LoopyNet
from loopynet.network.carry import CarryShape
from loopynet.network.checks import check_unrolls


def pass_function(net: LoopyNet, x: Tensor, t: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return the carry after t passes as one vector per image, and pass t + 1 as its function.

    An edge with a delay of d carries d signals, forward edges too; all of them count. Pass t + 1
    has the norm of its unroll, or of the last trained one.

    Args:
        net: a network with loops, in evaluation mode.
        x: preprocessed images [N, *graph.input_shape].
        t: passes that have run, so many that every signal is there.

    Returns:
        The carry [N, D], and the function from [N, D] to [N, D].

    Raises:
        LoopyNetError: the network has no loops, a signal is not there yet, or there are no weights
            for that pass.
    """
    check_pass(net, t)
    check_unrolls(net.graph, t + 1)  # warns of passes beyond the trained ones
    count = None if net.graph.tied else net.graph.steps  # copies exist for what is read
    trunk, kept = net._run_trunk(x, None)
    carry = net._initial_carry(trunk)
    for step in range(1, t + 1):
        _, carry = net._one_pass(trunk, kept, carry, step, count, None)
    shape = CarryShape.of(carry)

    def run(z: Tensor) -> Tensor:
        _, after = net._one_pass(trunk, kept, shape.unflatten(z), t + 1, count, None)
        return shape.flatten(after)

    return shape.flatten(carry), run


def check_undelayed(net: LoopyNet) -> None:
    """Raise LoopyNetError if an edge of the main stack or a skip takes unrolls of its own."""
    check_one_section(net)
    delayed = [name for name, delay in net.graph.delays.items() if delay]
    delayed += [skip.name for skip in net.graph.skips if skip.delay]
    if delayed:
        raise LoopyNetError(
            f'"{net.graph.name}" has delays on its way forward (at "{delayed[0]}"), for which this '
            "is not measured; write schedule: sequential without delays"
        )


def check_one_section(net: LoopyNet) -> None:
    """Raise LoopyNetError if there are several sections, of which each pass runs only one."""
    if len(net.graph.sections) > 1:
        raise LoopyNetError(
            f'"{net.graph.name}" has sections that are unrolled one after another, so that its '
            "passes are not alike and this is not measured; take a network with one section"
        )


def check_pass(net: LoopyNet, t: int) -> None:
    """Raise LoopyNetError if pass t + 1 is no function of the carry after t passes."""
    graph, name = net.graph, net.graph.name
    if not graph.loops:
        raise LoopyNetError(f'"{name}" has no loops, so that no pass depends on the one before')
    check_one_section(net)
    least = _first_complete(graph)
    if t < least:
        raise LoopyNetError(
            f'after {t} passes of "{name}" not every signal is on its way; look at it after '
            f"{least} or more"
        )
    if graph.tied or _is_read(graph, t + 1):
        return
    most = max((s for s in range(least, t) if _is_read(graph, s + 1)), default=None)
    remedy = "give it more unroll.steps" if most is None else f"look at it after {most} or fewer"
    raise LoopyNetError(
        f'"{name}" is untied and has no weights for a further pass after {t} whose signal is '
        f"read; {remedy}"
    )


def _first_complete(graph: Graph) -> int:
    """Return after how many passes every signal of the carry is there."""
    first = graph.timetable.first
    waits = [first[e.source] + e.delay - 1 for e in graph.edges if e.delay and _waits(e.initial)]
    if _waits(graph.initial):
        below = {n: graph.main[graph.main.index(n) - 1] for n in graph.delays}
        waits += [first[below[n]] + delay - 1 for n, delay in graph.delays.items()]
    return max([1, *waits])


def _waits(initial: str) -> bool:
    return initial == "absent"


def _is_read(graph: Graph, t: int) -> bool:
    """Say whether logits up to the trained number of unrolls read all that pass t sends."""
    table, steps = graph.timetable, graph.steps
    sent = all(table.sends(e, t, steps) for e in graph.edges if e.delay)
    return sent and all(table.runs(n, t + d, steps) for n, d in graph.delays.items())

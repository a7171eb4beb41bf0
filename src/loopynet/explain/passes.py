"""One pass of the loop as a function of the carry: all that is asked of the network's inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError
from loopynet.network import LoopyNet
from loopynet.network.checks import check_unrolls


def pass_function(net: LoopyNet, x: Tensor, t: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return the carry after t passes as one vector per image, and pass t + 1 as its function.

    A loop with a delay of d carries d signals; all of them count. Pass t + 1 has the norm of its
    unroll, or of the last trained one.

    Args:
        net: a network with loops, in evaluation mode.
        x: preprocessed images [N, *graph.input_shape].
        t: passes that have run, from the longest delay on: every signal is there then.

    Returns:
        The carry [N, D], and the function from [N, D] to [N, D].

    Raises:
        LoopyNetError: the network has no loops, a signal is not there yet, or there are no weights
            for that pass.
    """
    check_pass(net, t)
    check_unrolls(net.graph, t + 1)  # warns of passes beyond the trained ones
    count = t + 1 + max(edge.delay for edge in net.graph.loops)  # no signal comes too late
    trunk, kept = net._run_trunk(x, None)
    carry = net._initial_carry(trunk)
    for step in range(1, t + 1):
        _, carry = net._one_pass(trunk, kept, carry, step, count, None)
    places = [
        (name, one.shape) for name, queue in carry.items() for one in queue if one is not None
    ]

    def run(vector: Tensor) -> Tensor:
        pieces = torch.split(vector, [shape[1:].numel() for _, shape in places], dim=1)
        queues: dict[str, tuple[Tensor, ...]] = {}
        for (name, shape), piece in zip(places, pieces, strict=True):
            queues[name] = (*queues.get(name, ()), piece.reshape(shape))
        _, after = net._one_pass(trunk, kept, queues, t + 1, count, None)
        return _joined(after)

    return _joined(carry), run


def _joined(carry: Mapping[str, tuple[Tensor | None, ...]]) -> Tensor:
    signals = [one for queue in carry.values() for one in queue if one is not None]
    return torch.cat([one.flatten(1) for one in signals], dim=1)


def check_undelayed(net: LoopyNet) -> None:
    """Raise LoopyNetError if an edge of the main stack or a skip takes unrolls of its own."""
    delayed = [name for name, delay in net.graph.delays.items() if delay]
    delayed += [skip.name for skip in net.graph.skips if skip.delay]
    if delayed:
        raise LoopyNetError(
            f'"{net.graph.name}" has delays on its way forward (at "{delayed[0]}"), for which this '
            "is not measured; write schedule: sequential without delays"
        )


def check_pass(net: LoopyNet, t: int) -> None:
    """Raise LoopyNetError if pass t + 1 is no function of the carry after t passes."""
    name, loops = net.graph.name, net.graph.loops
    check_undelayed(net)
    if not loops:
        raise LoopyNetError(f'"{name}" has no loops, so that no pass depends on the one before')
    least = max(1, *(e.delay if e.initial == "absent" else 0 for e in loops))
    if t < least:
        raise LoopyNetError(
            f'after {t} passes of "{name}" not every loop has sent a signal; look at it after '
            f"{least} or more"
        )
    most = net.graph.steps - 1 - max(e.delay for e in loops)
    if not net.graph.tied and t > most:
        raise LoopyNetError(
            f'"{name}" is untied and has no weights for a further pass after {t} whose signal is '
            f"read; look at it after {most} or fewer"
        )

"""Early exit: a sample leaves the batch when a stopping rule is content with its logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from loopynet.network.carry import select
from loopynet.network.stopping import Agreed, Confident, Outcome

if TYPE_CHECKING:
    from loopynet.network.loopy_net import LoopyNet


def exit_early(net: LoopyNet, x: Tensor, stop: Confident | Agreed, unrolls: int) -> Outcome:
    """Run at most `unrolls` passes; the head reads each, and samples that are done leave.

    Args:
        net: the network.
        x: inputs [N, ...].
        stop: when a sample is done.
        unrolls: the most passes.
    """
    trunk, kept = net._run_trunk(x, None)
    carry = net._initial_carry(trunk)
    rows = torch.arange(len(x), device=x.device)  # which samples are still running
    found, taken = [], []
    logits: list[Tensor] = []
    for t in range(1, unrolls + 1):
        state, carry = net._one_pass(trunk, kept, carry, t, unrolls, None)
        if t < net.graph.first_readout:  # the signal has not reached the head
            continue
        logits.append(net._run_head(*state, t, None))
        done = stop.done(logits) if t < unrolls else torch.ones_like(rows, dtype=torch.bool)
        if not done.any():
            continue
        found.append((rows[done], logits[-1][done]))
        taken.append((rows[done], t))
        rows, trunk, kept, carry = select((rows, trunk, kept, carry), ~done)
        logits = [one[~done] for one in logits]
        if not len(rows):
            break
    order = torch.cat([where for where, _ in found]).argsort()
    counts = torch.cat([torch.full_like(where, t) for where, t in taken])
    return Outcome(torch.cat([value for _, value in found])[order], counts[order])

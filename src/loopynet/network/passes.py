"""What happens inside one pass: layers, merges, and the signals that skips and loops carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from torch import Tensor, nn
from torch.compiler import is_compiling

from loopynet.graph import Edge
from loopynet.graph.nodes import Section
from loopynet.network.carry import Carry
from loopynet.network.edge import damped
from loopynet.network.layer import Layer
from loopynet.network.segment import run_compiled

if TYPE_CHECKING:
    from loopynet.network.loopy_net import LoopyNet

Kept = dict[str, Tensor]
"""Outputs that skips and loops start from, by layer, and signals of skips, by skip."""

Record = Callable[[str, Tensor], None]
"""Is told the name ("conv_1@2") and value of every activation."""


class Pass(NamedTuple):
    """Which pass of which run it is.

    Attributes:
        t: the unroll, from 1.
        unrolls: of the whole run: what none of their logits reads is not computed. None for a run
            of unknown length, and outside of the loopy section.
        record: is told every activation, if anything is.
    """

    t: int
    unrolls: int | None
    record: Record | None

    def tell(self, name: str, value: Tensor) -> None:
        """Record an activation."""
        if self.record is not None:
            self.record(f"{name}@{self.t}", value)


def run_chain(
    net: LoopyNet,
    section: Section,
    x: Tensor,
    kept: Kept,
    arriving: Mapping[str, Tensor | None],
    now: Pass,
) -> Tensor:
    """Run a section of the main stack, merging skips and arriving signals.

    Args:
        net: the network.
        section: which.
        x: what enters it.
        kept: what was kept before; what is kept in this section is added.
        arriving: what arrives from earlier passes, by loop, skip, or layer entered.
        now: which pass it is.
    """
    for first, *rest in net._pieces[section]:
        if first in arriving:  # what the layer below gave in an earlier pass
            x = cast(Tensor, arriving[first])  # None only where the layer does not run
        if not net.graph.timetable.runs(first, now.t, now.unrolls):
            continue
        for edge in net.graph.edges_into(first):
            signal = arriving[edge.name] if edge.delay else kept[edge.name]
            if signal is not None:
                now.tell(f"{edge.name}.forward", x)
                now.tell(f"{edge.name}.signal", signal)
                x = _module(net, net.merges, edge.name, section, now)(x, signal)
                now.tell(edge.name, x)
        x = _run_layers(net, (first, *rest), section, x, now)
        last = (first, *rest)[-1]
        if last in net._sources:
            kept[last] = x
            send_skips(net, last, x, kept, now)
    return x


def send_skips(net: LoopyNet, source: str, x: Tensor, kept: Kept, now: Pass) -> None:
    """Compute the skip signals that arrive in this pass, but for those that the head reads."""
    for edge in net.graph.skips:
        if edge.source == source and edge.section == net.graph.section_of(source):
            sent = edge.section != "body" or net.graph.timetable.sends(edge, now.t, now.unrolls)
            if sent and not edge.delay:
                kept[edge.name] = signal(net, edge, x, now)


def leave(net: LoopyNet, kept: Kept, carry: Carry, now: Pass) -> dict[str, Tensor | None]:
    """Return what leaves for later passes, by the names of the carry."""
    table = net.graph.timetable
    leaving = {edge.name: kept.get(edge.source) for edge in net._ended}
    for name, below in net._below.items():
        stands = table.stands(below, name, now.t)
        leaving[name] = carry[name][-1] if stands else kept.get(below)
    for edge in (*net.graph.loops, *net.graph.skips):
        if not edge.delay:
            continue
        still = not table.has_sent(edge, now.t + edge.delay)  # what comes before any signal
        if still or table.stands(edge.source, edge.target, now.t):
            leaving[edge.name] = carry[edge.name][-1]
            continue
        sent = table.sends(edge, now.t, now.unrolls)
        new = signal(net, edge, kept[edge.source], now) if sent else None
        leaving[edge.name] = damped(edge.damping, new, carry[edge.name][-1])
    return leaving


def signal(net: LoopyNet, edge: Edge, x: Tensor, now: Pass) -> Tensor:
    """Return an edge's signal: its source's output x through its layers, fitted."""
    if edge.through:
        x = _run_layers(net, edge.through, edge.section, x, now)
    fitted: Tensor = _module(net, net.fits, edge.name, edge.section, now)(x)
    return fitted


def _run_layers(
    net: LoopyNet, names: Sequence[str], section: Section, x: Tensor, now: Pass
) -> Tensor:
    """Run layers one after the other: compiled as one piece, or one by one to be recorded.

    Not compiled are passes of unknown number: the samples that still run become ever fewer, each
    number would be compiled, and an implicit gradient goes back more than once.
    """
    layers = [cast(Layer, _module(net, net.layers, name, section, now)) for name in names]
    open_end = section == "body" and now.unrolls is None
    if runs_compiled(net, "layers", now.record) and not open_end:
        return run_compiled(layers, x, [layer.rows(now.t) for layer in layers])
    for name, layer in zip(names, layers, strict=True):
        x = layer(x, now.t)
        now.tell(name, x)
    return x


def runs_compiled(net: LoopyNet, what: str, record: Record | None) -> bool:
    """Say whether a call runs this compiled: layers, or whole."""
    here = net._compiled == what and net.training
    return here and record is None and not is_compiling()


def _module(
    net: LoopyNet, modules: nn.ModuleDict, name: str, section: Section, now: Pass
) -> nn.Module:
    """Return the module that serves this unroll: the tied one, or the copy `name@t`."""
    return modules[f"{name}@{now.t}" if net.graph.untied(section) else name]

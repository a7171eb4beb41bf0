"""One loop or skip of a running network: fitting the signal, and merging it."""

from __future__ import annotations

from torch import Tensor, nn

from loopynet.graph import Edge, Graph
from loopynet.modules.merge import Pad, Project, Resize


class Fit(nn.Module):
    """Brings a signal to the shape that its target's merge needs."""

    def __init__(self, edge: Edge) -> None:
        super().__init__()
        self.op: nn.Module | None = None
        if edge.project:
            self.op = Project(edge.raw_shape, edge.target_shape)
        elif edge.resize:
            self.op = Resize(edge.target_shape[1], edge.target_shape[2])
        elif edge.pad:
            self.op = Pad(edge.raw_shape, edge.signal_shape)

    def forward(self, signal: Tensor) -> Tensor:
        """Return the signal [N, *raw_shape] as [N, *signal_shape]."""
        return signal if self.op is None else self.op(signal)


class Merge(nn.Module):
    """Joins a signal to the input of its target."""

    def __init__(self, edge: Edge) -> None:
        super().__init__()
        self.op = edge.merge_part.build(edge.target_shape)

    def forward(self, x: Tensor, signal: Tensor) -> Tensor:
        """Return the merged [N, *merged_shape] of x [N, *target_shape] and the fitted signal."""
        return self.op(x, signal)


def initial_signal(edge: Edge, like: Tensor) -> Tensor | None:
    """Return what an edge's merge sees before the first signal; None if it is absent.

    Args:
        edge: the loop or skip.
        like: any tensor [N, ...] of the batch, for its size, type and device.
    """
    if edge.initial == "absent":
        return None
    fill = like.new_zeros if edge.initial == "zero" else like.new_ones
    return fill((like.shape[0], *edge.signal_shape))


def damped(share: float, signal: Tensor | None, before: Tensor | None) -> Tensor | None:
    """Return what a loop carries: its new signal, mixed with the one before if it is damped.

    Args:
        share: of the new signal; 1 for a loop that is not damped.
        signal: the new signal [N, *signal_shape]; None if nobody reads it.
        before: what the edge carried one pass before; None if that was nothing.
    """
    if signal is None or before is None or share == 1:
        return signal
    return before.lerp(signal, share)


def initial_input(graph: Graph, name: str, like: Tensor) -> Tensor | None:
    """Return what a delayed main-stack edge gives before its first signal; None if it is absent.

    Args:
        graph: the network.
        name: the layer that it enters.
        like: as for `initial_signal`.
    """
    if graph.initial == "absent":
        return None
    below = graph.main[graph.main.index(name) - 1]
    return like.new_zeros((like.shape[0], *graph.shape_of(below)))

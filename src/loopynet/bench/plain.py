"""The loopy network as one would write it by hand: what ours is compared with.

Nothing here comes from this library but the weights. A loopy network of this form has
convolutions, each followed by a batch norm of its own for each unroll and a rectifier, a loop that
adds the last one's output to the first one's input, and a dense layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from loopynet.errors import SpecError
from loopynet.graph import Edge, Graph, LayerNode
from loopynet.network import LoopyNet
from loopynet.parts.layers import Conv2d
from loopynet.parts.shape import pair


class PlainNet(nn.Module):
    """Convolutions with a loop around them, unrolled in a Python loop.

    Args:
        channels: of the image, then of each convolution.
        kernels: size of each convolution's kernel, odd.
        pixels: height times width.
        classes: how many logits.
        steps: unrolls.
    """

    def __init__(
        self, channels: Sequence[int], kernels: Sequence[int], pixels: int, classes: int, steps: int
    ) -> None:
        super().__init__()
        self.steps = steps
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, kernel, padding=kernel // 2)
            for before, after, kernel in zip(channels, channels[1:], kernels, strict=False)
        )
        self.norms = nn.ModuleList(
            nn.ModuleList(nn.BatchNorm2d(after) for _ in range(steps)) for after in channels[1:]
        )
        self.fc = nn.Linear(channels[-1] * pixels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N, classes] for images [N, C, H, W]."""
        h = x
        for t in range(self.steps):
            if t > 0:
                h = x + h
            for conv, norms in zip(self.convs, self.norms, strict=True):
                h = functional.relu(cast(nn.ModuleList, norms)[t](conv(h)))
        logits: Tensor = self.fc(h.flatten(1))
        return logits


class EquilibriumNet(nn.Module):
    """The same with one group norm for each convolution, run to its fixed point by torchdeq.

    Args:
        channels, kernels, pixels, classes: as for `PlainNet`.
        groups: of each group norm.
        tolerance: relative residual at which the fixed point, and the linear system of its
            gradient, count as solved.
        max_steps: the most iterations of either.
    """

    def __init__(
        self,
        channels: Sequence[int],
        kernels: Sequence[int],
        pixels: int,
        classes: int,
        groups: Sequence[int],
        tolerance: float,
        max_steps: int,
    ) -> None:
        super().__init__()
        from torchdeq import get_deq  # optional: loopynet[bench]

        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, kernel, padding=kernel // 2)
            for before, after, kernel in zip(channels, channels[1:], kernels, strict=False)
        )
        self.norms = nn.ModuleList(
            nn.GroupNorm(count, after) for count, after in zip(groups, channels[1:], strict=True)
        )
        self.fc = nn.Linear(channels[-1] * pixels, classes)
        self.deq = get_deq(
            f_solver="fixed_point_iter",
            b_solver="fixed_point_iter",
            f_stop_mode="rel",
            b_stop_mode="rel",
            f_tol=tolerance,
            b_tol=tolerance,
            f_max_iter=max_steps,
            b_max_iter=max_steps,
            ift=True,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N, classes] for images [N, C, H, W]."""

        def f(z: Tensor) -> Tensor:
            h = x + z
            for conv, norm in zip(self.convs, self.norms, strict=True):
                h = functional.relu(norm(conv(h)))
            return h

        (z, *_), _ = self.deq(f, torch.zeros_like(x))
        logits: Tensor = self.fc(z.flatten(1))
        return logits


ByHand = TypeVar("ByHand", PlainNet, EquilibriumNet)


def plain_copy(net: LoopyNet) -> PlainNet:
    """Return the network written by hand, with the weights and statistics of ours.

    Raises:
        SpecError: a network of another form.
    """
    nodes = _convolutions(net.graph, "batch", "per_step")
    return _with_weights(PlainNet(*_sizes(net.graph, nodes), net.graph.steps), net)


def equilibrium_copy(net: LoopyNet, tolerance: float, max_steps: int) -> EquilibriumNet:
    """Return the torchdeq network with the weights of ours.

    Raises:
        SpecError: a network of another form.
        ImportError: torchdeq is not installed.
    """
    nodes = _convolutions(net.graph, "group", "shared")
    groups = [node.norm.group_count(node.output_shape) for node in nodes]
    return _with_weights(
        EquilibriumNet(*_sizes(net.graph, nodes), groups, tolerance, max_steps), net
    )


def _with_weights(copy: ByHand, net: LoopyNet) -> ByHand:
    """Return a network written by hand after it took the weights and statistics of ours."""
    for name, conv, norms in zip(net.graph.main, copy.convs, copy.norms, strict=False):
        layer = net.layers[name]
        conv.load_state_dict(cast(nn.Module, layer.op).state_dict())
        numbers = cast(nn.Module, layer.norm).state_dict()
        for t, norm in enumerate(_each_norm(norms)):
            norm.load_state_dict({key: rows[t] for key, rows in numbers.items()}, strict=False)
    copy.fc.load_state_dict(cast(nn.Module, net.layers[net.graph.main[-1]].op).state_dict())
    first = next(net.parameters())
    return copy.to(first.device, first.dtype)


def _each_norm(norms: nn.Module) -> list[nn.Module]:
    return list(norms) if isinstance(norms, nn.ModuleList) else [norms]


def named_gradients(net: nn.Module, like: LoopyNet) -> dict[str, Tensor]:
    """Return the gradients under the names that they have in a tied LoopyNet.

    Those of an untied network's copies are summed, which gives the tied gradient; norms keep a row
    for each unroll.

    Args:
        net: a LoopyNet, tied or untied, or one of the networks above; after a backward pass.
        like: the tied network that all were made from.
    """
    if isinstance(net, PlainNet | EquilibriumNet):
        return _gradients_by_hand(net, like.graph)
    found: dict[str, list[Tensor]] = {}
    for name, parameter in net.named_parameters():
        before, at, after = name.partition("@")
        key = f"{before}.{after.partition('.')[2]}" if at else name
        found.setdefault(key, []).append(cast(Tensor, parameter.grad))
    joined = {}
    for name, parameter in like.named_parameters():
        parts = found[name]
        rows = len(parts) > 1 and parts[0].shape != parameter.shape
        joined[name] = torch.cat(parts) if rows else torch.stack(parts).sum(0)
    return joined


def _gradients_by_hand(net: PlainNet | EquilibriumNet, graph: Graph) -> dict[str, Tensor]:
    found = {}
    for key in ("weight", "bias"):
        for name, conv, norms in zip(graph.main, net.convs, net.norms, strict=False):
            rows = [getattr(norm, key).grad for norm in _each_norm(norms)]
            found[f"layers.{name}.op.{key}"] = getattr(conv, key).grad
            found[f"layers.{name}.norm.{key}"] = torch.stack(rows)
        found[f"layers.{graph.main[-1]}.op.{key}"] = getattr(net.fc, key).grad
    return found


def _convolutions(graph: Graph, norm: str, over_time: str) -> list[LayerNode]:
    """Return the convolutions of a network of the form above; raises SpecError for another."""
    nodes = [graph.layers[name] for name in graph.main[:-1]]
    loops = [(loop.source, loop.target) for loop in graph.loops]
    fits = (
        graph.tied
        and not graph.skips
        and all(map(_is_plain_sum, graph.loops))
        and loops == [(graph.main[-2], graph.main[0])][: graph.steps > 1]
        and all(_is_convolution(node, norm, over_time) for node in nodes)
        and graph.layers[graph.main[-1]].spec.type == "dense"
    )
    if not fits:
        raise SpecError(
            f'"{graph.name}" has no hand-written opponent: it needs convolutions with {norm} norm '
            "and a relu, one sum loop from the last to the first, and a dense layer, as "
            "cifar10-loopy has"
        )
    return nodes


def _is_plain_sum(loop: Edge) -> bool:
    changed = loop.through or loop.project or loop.resize or loop.pad
    return (loop.merge, loop.delay, loop.initial) == ("sum", 1, "absent") and not changed


def _is_convolution(node: LayerNode, norm: str, over_time: str) -> bool:
    spec = node.spec
    return (
        isinstance(spec, Conv2d)
        and node.output_shape[1:] == node.input_shape[1:]
        and spec.padding == "same"
        and spec.groups == 1
        and pair(spec.dilation) == (1, 1)
        and pair(spec.size)[0] == pair(spec.size)[1]
        and pair(spec.size)[0] % 2 == 1
        and (node.norm.type, node.norm.over_time) == (norm, over_time)
        and spec.activation.name == "relu"
    )


def _sizes(graph: Graph, nodes: Sequence[LayerNode]) -> tuple[list[int], list[int], int, int]:
    """Return channels, kernels, pixels and classes."""
    channels, height, width = graph.input_shape
    return (
        [channels, *(node.output_shape[0] for node in nodes)],
        [pair(cast(Conv2d, node.spec).size)[0] for node in nodes],
        height * width,
        graph.output_shape[0],
    )

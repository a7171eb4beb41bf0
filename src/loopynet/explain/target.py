"""What is explained: a filter of an activation at an unroll, one neuron of it, or a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError, did_you_mean
from loopynet.explain.frozen import Network
from loopynet.network import Each

Position = tuple[int, int]
Filters = int | Sequence[int] | slice | None


@dataclass(frozen=True)
class Target:
    """One number for each image: what a method explains.

    Attributes:
        at: an activation, such as "conv_2@1", "fc_1@3" or a merge's "feedback@2"; "logits@2" is
            the last layer's.
        filter: a channel of an image-like activation [N, C, H, W], of which all positions are
            summed up, or a unit of a vector [N, F]: for logits, the class.
        position: row and column of a single neuron of the filter; None for all of them.
    """

    at: str
    filter: int = 0
    position: Position | None = None


def names_of(net: Network, at: str | Sequence[str]) -> list[str]:
    """Return the names of one or several activations; raises LoopyNetError if there is none."""
    names = [resolve(net, name) for name in ([at] if isinstance(at, str) else at)]
    if not names:
        raise LoopyNetError('at names no activation; write one, such as "conv_1@2"')
    return names


def resolve(net: Network, at: str) -> str:
    """Return an activation's own name: "logits@t" is that of the last layer."""
    layer, mark, t = at.partition("@")
    if layer == "logits" and mark and layer not in net.graph.layers:
        return f"{net.graph.main[-1]}@{t}"
    return at


def activation_shapes(net: Network, unrolls: int | None = None) -> dict[str, tuple[int, ...]]:
    """Return every name that can be explained, with its shape without the batch.

    Args:
        net: the network, in evaluation mode.
        unrolls: passes; the spec's if None.
    """
    like = next(net.parameters(), torch.empty(0))
    with torch.no_grad():
        zeros = like.new_zeros((1, *net.graph.input_shape))
        shapes: dict[str, tuple[int, ...]] = {}
        net(zeros, unrolls=unrolls or net.graph.steps, readout=Each(),
            record=lambda name, value: shapes.update({name: tuple(value.shape[1:])}))  # fmt: skip
    return shapes


def unknown(net: Network, at: str, names: Sequence[str], unrolls: int | None) -> LoopyNetError:
    """Return the error for an activation that a run did not have."""
    count = unrolls or net.graph.steps
    layers = list(dict.fromkeys(name.partition("@")[0] for name in names))
    layer, _, t = at.partition("@")
    more = ""
    if layer in layers and t.isdecimal() and int(t) > count and net.graph.loops:
        more = f"; for more unrolls, say unrolls={t}"
    said = ", ".join(names[:100]) + (", ..." if len(names) > 100 else "")
    return LoopyNetError(
        f'no activation "{at}" in {count} unroll{"s" if count > 1 else ""} of '
        f'"{net.graph.name}".{did_you_mean(at, names)} The names are {said}{more}'
    )


def filter_numbers(filters: Filters, at: str, value: Tensor) -> list[int]:
    """Return the filters that are meant, as numbers.

    Args:
        filters: one, several, a slice of them, or None for all.
        at: the activation's name, for the message.
        value: the activation [N, C, ...].

    Raises:
        LoopyNetError: a filter that is not there.
    """
    count = value.shape[1]
    if filters is None or isinstance(filters, slice):
        return list(range(count)[filters or slice(None)])
    several = isinstance(filters, Sequence) and not isinstance(filters, str)
    numbers: list[int] = list(filters) if several else [filters]  # type: ignore
    for number in numbers:
        whole = isinstance(number, int) and not isinstance(number, bool)
        if not whole or not 0 <= number < count:
            only = f"only filter 0, not {number!r}" if count == 1 else None
            raise LoopyNetError(
                f'"{at}" has ' + (only or f"{count} filters, 0 to {count - 1}, not {number!r}")
            )
    return numbers


def check_position(position: Position | None, at: str, value: Tensor) -> None:
    """Raise LoopyNetError for a position that the activation [N, C, ...] does not have."""
    if position is None:
        return
    size = tuple(value.shape[2:])
    if not size:
        raise LoopyNetError(f'"{at}" is a vector and has no positions; name a unit with filter=')
    inside = len(position) == 2 and all(0 <= p < n for p, n in zip(position, size, strict=True))
    if not inside:
        raise LoopyNetError(
            f'"{at}" has {size[0]} rows and {size[1]} columns; there is no position {position}'
        )

"""Gradients of filters at unrolls with respect to the image, by three rules of backpropagation.

One forward pass serves all targets. The backward passes of many filters run as one batch, cut into
pieces whose activations fit into the cache.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError, LoopyNetWarning
from loopynet.explain.folding import LinearMap
from loopynet.explain.frozen import Network, frozen_copy
from loopynet.explain.maps import maps_of
from loopynet.explain.rules import Rule, Rules
from loopynet.explain.target import (
    Filters,
    Position,
    check_position,
    filter_numbers,
    unknown,
)
from loopynet.modules.gradient import Full
from loopynet.network import Each

IMAGES_AT_ONCE = 16
"""Images of one forward pass: more would not fit into the cache on the way back."""
BYTES_AT_ONCE = 8 * 2**20
"""The size that the largest gradient of a batch of backward passes should have at most."""


def gradient(
    net: Network,
    images: Tensor,
    at: str | Sequence[str],
    filter: Filters = 0,
    *,
    position: Position | None = None,
    unrolls: int | None = None,
) -> Tensor:
    """Return the derivative of a filter with respect to the image (Simonyan et al. 2014).

    Args:
        net: the network, in evaluation mode. It is not changed in any way.
        images: preprocessed images [N, *input_shape], of the network's type and device.
        at: an activation, such as "conv_2@1" or "logits@3"; or several of them.
        filter: a filter, a unit or a class; or several of them, a slice, or None for all.
        position: row and column, for a single neuron; by default all positions are summed up.
        unrolls: passes to run; the spec's if None.

    Returns:
        [N, *input_shape]; [F, N, *input_shape] for several filters, and another dimension before
        that, [A, F, N, *input_shape], for several activations.

    Raises:
        LoopyNetError: there is no such activation, filter or position, or the network is in
            training mode.
    """
    return _explain("gradient", net, images, at, filter, position, unrolls)


def guided_backprop(
    net: Network,
    images: Tensor,
    at: str | Sequence[str],
    filter: Filters = 0,
    *,
    position: Position | None = None,
    unrolls: int | None = None,
) -> Tensor:
    """Return the guided gradient: rectifiers pass positive gradients where they were open.

    Arguments, result and errors are those of `gradient`. ReLU, ReLU6 and clamps at 0 count as
    rectifiers; other activations pass the gradient on as it is derived, and a warning is given if
    there is no rectifier on the way. Source: Springenberg et al., Striving for Simplicity, 2015.
    """
    return _explain("guided_backprop", net, images, at, filter, position, unrolls)


def deconvnet(
    net: Network,
    images: Tensor,
    at: str | Sequence[str],
    filter: Filters = 0,
    *,
    position: Position | None = None,
    unrolls: int | None = None,
) -> Tensor:
    """Return what a deconvnet shows: rectifiers pass positive gradients wherever they are.

    Arguments, result and errors are those of `gradient`; see `guided_backprop` for what counts as
    a rectifier. Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks,
    2014.
    """
    return _explain("deconvnet", net, images, at, filter, position, unrolls)


def _explain(
    rule: Rule,
    net: Network,
    images: Tensor,
    at: str | Sequence[str],
    filters: Filters,
    position: Position | None,
    unrolls: int | None,
) -> Tensor:
    """Return the maps of all targets, without the dimensions that were not asked for."""

    def method(x: Tensor, names: list[str]) -> Tensor:
        if x.dim() == 4 and x.device.type == "cpu":  # convolutions of few channels are faster so
            x = x.contiguous(memory_format=torch.channels_last)
        frozen, parts = frozen_copy(net), []
        for piece in torch.split(x, IMAGES_AT_ONCE):
            part = piece.detach().requires_grad_()
            parts.append(_maps_of_few(rule, frozen, part, names, filters, position, unrolls))
        return torch.cat(parts, dim=2).contiguous()

    return maps_of(net, images, at, filters, method)


def _maps_of_few(
    rule: Rule,
    net: Network,
    x: Tensor,
    names: Sequence[str],
    filters: Filters,
    position: Position | None,
    unrolls: int | None,
) -> Tensor:
    """Return the maps [A, F, *x.shape] of a few images."""
    rules = Rules(rule)
    ends = run_to(net, x, names, unrolls, rules)
    if rule != "gradient" and not rules.rectifiers:
        warnings.warn(
            f'"{net.graph.name}" has no rectifier (ReLU) on the way to {", ".join(names)}: '
            f"{rule} is the plain gradient there",
            LoopyNetWarning,
            stacklevel=6,
        )
    rows = []
    for name in names:
        value, chain = ends[name]
        check_position(position, name, value)
        numbers = filter_numbers(filters, name, value)
        rows.append(_backward(value, chain, x, numbers, position))
    if len({len(row) for row in rows}) > 1:
        counts = ", ".join(f"{n}: {len(row)}" for n, row in zip(names, rows, strict=True))
        raise LoopyNetError(f"the activations have unequally many filters ({counts}); name them")
    return torch.stack(rows)


class _Seen(Exception):  # noqa: N818 - it is no error
    """Every activation that was asked for has been computed."""


def run_to(
    net: Network, x: Tensor, names: Sequence[str], unrolls: int | None, rules: Rules | None = None
) -> dict[str, tuple[Tensor, LinearMap | None]]:
    """Run a network until some activations are there, and no further.

    Args:
        net: the network.
        x: inputs.
        names: the activations.
        unrolls: passes; the spec's if None.
        rules: what is done to its functions meanwhile.

    Returns:
        Each activation, and the convolution that it is the output of, if its channels did not mix
        since.

    Raises:
        LoopyNetError: the run has no such activation.
    """
    found: dict[str, tuple[Tensor, LinearMap | None]] = {}
    known: list[str] = []
    missing = set(names)

    def record(name: str, value: Tensor) -> None:
        known.append(name)
        if name in missing:
            last = rules.last if rules is not None else None
            found[name] = value, last if last is not None and last.gave(value) else None
            missing.remove(name)
            if not missing:
                raise _Seen

    with contextlib.suppress(_Seen), rules or contextlib.nullcontext():
        steps = unrolls or net.graph.steps
        net(x.clone(), unrolls=steps, readout=Each(), gradient=Full(), record=record)
    if missing:
        raise unknown(net, next(n for n in names if n in missing), known, unrolls)
    return found


def _backward(
    value: Tensor,
    chain: LinearMap | None,
    x: Tensor,
    filters: Sequence[int],
    position: Position | None,
) -> Tensor:
    """Return the gradient [F, *x.shape] of each filter of an activation [N, C, ...]."""
    result = x.new_zeros((len(filters), *x.shape))
    if not value.requires_grad or not x.numel():
        return result  # it does not depend on the image
    start = 0
    for end, seeds in _seeds(value, chain, filters, position):
        result[start : start + len(seeds)] = _lead_back(end, x, seeds)
        start += len(seeds)
    return result


def _seeds(
    value: Tensor, chain: LinearMap | None, filters: Sequence[int], position: Position | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the tensor where batches of backward passes begin, and their gradients there.

    A filter of a convolution is led through its own weights alone, to what the convolution read.
    Elsewhere the activation itself gets ones at the filter.
    """
    ones = torch.ones_like(value)
    if position is not None:
        ones = torch.zeros_like(value)
        ones[:, :, position[0], position[1]] = 1
    if chain is not None and chain.geometry.groups == 1:
        at_start = ones
        if value is not chain.start:
            (at_start,) = torch.autograd.grad(value, chain.start, ones, retain_graph=True)
        for numbers in _pieces(filters, max(chain.input.nbytes, value.nbytes)):
            yield chain.input, chain.lead_back(at_start, numbers)
        return
    for numbers in _pieces(filters, value.nbytes):
        seeds = value.new_zeros((len(numbers), *value.shape))
        for seed, number in zip(seeds, numbers, strict=True):
            seed[:, number] = ones[:, number]
        yield value, seeds


def _pieces(filters: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the filters in pieces, for gradients of `size` bytes each."""
    count = max(1, BYTES_AT_ONCE // max(size, 1))
    for start in range(0, len(filters), count):
        yield list(filters[start : start + count])


def _lead_back(end: Tensor, x: Tensor, seeds: Tensor) -> Tensor:
    """Return the gradient [F, *x.shape] of x for gradients [F, *end.shape] of an activation."""

    def one(seed: Tensor) -> Tensor:
        grads = torch.autograd.grad(end, x, seed, retain_graph=True, allow_unused=True)
        return torch.zeros_like(x) if grads[0] is None else grads[0]

    if len(seeds) > 1:
        # torch cannot batch the backward pass of every operation; what it cannot, it says so.
        with contextlib.suppress(RuntimeError):
            together: Tensor = torch.vmap(one)(seeds)
            return together
    return torch.stack([one(seed) for seed in seeds])

"""Consecutive layers that run as one piece, compiled once for all unrolls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch._dynamo import config as dynamo

from loopynet.graph import Graph
from loopynet.network.layer import Layer

Rows = tuple[Tensor, ...]
"""The numbers of a norm at one unroll."""

VECTOR = 16
"""Numbers of float32 in a vector register with AVX-512."""

MOST_SEGMENTS = 256
"""Compiled variants that are kept: by kinds of layers, shapes, and what needs a gradient."""


def split_chain(graph: Graph, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return consecutive layers in pieces between the places where signals come, go or wait.

    Args:
        graph: the network.
        names: layers of the main stack, one above the other.
    """
    targets = {edge.target for edge in graph.edges} | {*graph.delays}
    windows = graph.windows
    targets |= {a for b, a in pairwise(graph.body) if windows.get(a) != windows.get(b)}
    below = {graph.main[graph.main.index(name) - 1] for name in graph.delays}
    sources = {edge.source for edge in graph.edges} | below
    pieces: list[list[str]] = []
    for name in names:
        if not pieces or name in targets or pieces[-1][-1] in sources:
            pieces.append([])
        pieces[-1].append(name)
    return tuple(tuple(piece) for piece in pieces)


def run_layers(
    layers: Sequence[Layer], x: Tensor, rows: Sequence[Rows], activate: bool = True
) -> Tensor:
    """Return the output of consecutive layers for x [N, ...].

    Nothing here depends on the unroll: what does is in the rows. So one compiled function serves
    all unrolls, and copies of a layer too.

    Args:
        layers: the layers.
        x: the input of the first.
        rows: of each layer, `layer.rows(t)`.
        activate: whether the last layer's activation is applied.
    """
    last = len(layers) - 1
    for i, (layer, row) in enumerate(zip(layers, rows, strict=True)):
        x = layer.apply_rows(x, row, activate or i < last)
    return x


def run_compiled(layers: Sequence[Layer], x: Tensor, rows: Sequence[Rows]) -> Tensor:
    """Return what `run_layers` does, compiled; the arguments are the same.

    The compiler keeps a mask for the last activation's gradient. With fewer channels than a vector
    register holds it writes that mask slowly: then the activation runs by itself.
    """
    activation = layers[-1].activation
    alone = activation is not None and layers[-1].channels < VECTOR
    x = compile_once(run_layers)(layers, x, rows, not alone)
    if alone:
        x = cast(Tensor, cast(nn.Module, activation)(x))
    return x


@cache
def compile_once(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function compiled; each batch size is compiled for itself."""
    # Sizes are not asserted in every call: the guards have checked them. enable_loop_tail_vec
    # stays on: without it torch 2.13 computes wrong batch statistics of 3 channels.
    options: dict[str, str | int | bool | Callable[..., Any]] = {"size_asserts": False}
    # Every kind of segment is a variant of one function, and of those torch keeps only a few.
    dynamo.recompile_limit = max(dynamo.recompile_limit, MOST_SEGMENTS)
    return torch.compile(function, dynamic=False, options=options)

"""A network of any kind as a torch.export program: tensors in, tensors out, any batch size."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils._pytree import tree_flatten, tree_unflatten

from loopynet.errors import LoopyNetError
from loopynet.network import LoopyNet, Readout
from loopynet.network.readout import as_readout
from loopynet.wrap import LoopyModel

Net = LoopyNet | LoopyModel


@dataclass(frozen=True, eq=False)
class Traceable:
    """A network as a function of tensors, with what it takes to trace it.

    Attributes:
        module: takes tensors one by one, gives a tuple of tensors.
        inputs: example tensors, each [N, ...] with the same N from 2 up.
        input_names: of the inputs: the example's keywords, or x_1, x_2, ...
        output_names: of what it gives.
    """

    module: nn.Module
    inputs: tuple[Tensor, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]


def to_program(
    net: Net,
    unrolls: int | None = None,
    readout: Readout | Literal["last", "each"] | None = None,
    example: Any = None,
) -> ExportedProgram:
    """Return a network as a torch.export program, in evaluation mode, for batches of any size.

    Args:
        net: a LoopyNet, or a model with added loops. It stays as it is: a copy in float32 on the
            CPU is exported.
        unrolls: passes; those of the network if None.
        readout: Last() or Each(), or the word for it; the network's if None.
        example: a batch of two or more as the network takes it: a tensor, a tuple of arguments or a
            mapping of keywords. Random inputs for a LoopyNet if None.

    Returns:
        A program whose `module()` takes the tensors of the example in their order, and gives the
        tensors that the network gives, as a tuple.

    Raises:
        LoopyNetError: an example that cannot be traced, or an impossible number of unrolls.
    """
    return export(traceable(net, unrolls, readout, example))


def export(function: Traceable) -> ExportedProgram:
    """Return the program of a traceable network."""
    shapes = (tuple({0: Dim("batch")} for _ in function.inputs),)
    with torch.no_grad():
        return torch.export.export(function.module, function.inputs, dynamic_shapes=shapes)


def traceable(
    net: Net,
    unrolls: int | None = None,
    readout: Readout | Literal["last", "each"] | None = None,
    example: Any = None,
) -> Traceable:
    """Return a copy of a network that can be traced; arguments and errors as for `to_program`."""
    if not isinstance(net, LoopyNet | LoopyModel):
        raise LoopyNetError(
            f"a LoopyNet or a model with added loops can be exported, not {type(net).__name__}"
        )
    if example is None:
        if isinstance(net, LoopyModel):
            raise LoopyNetError(
                "a model with added loops is exported with a batch as it takes it: write "
                "example=images"
            )
        example = torch.rand(2, *net.graph.input_shape)
    args, kwargs = _arguments(example)
    leaves, _ = tree_flatten((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    sizes = {len(x) if x.dim() else 0 for x in tensors}
    if len(sizes) != 1 or min(sizes) < 2:
        raise LoopyNetError(
            "the example must be a batch of two or more, the same for all of its tensors; "
            f"these begin with {sorted(sizes)}"
        )
    own = net.readout if isinstance(net, LoopyModel) else net.graph.readout
    steps = net.graph.steps if unrolls is None else unrolls
    copied = copy.deepcopy(net).cpu().float().eval()
    flat = _Flat(copied, args, kwargs, steps, as_readout(readout or own))
    inputs = tuple(_as_float(x).cpu() for x in tensors)
    with torch.no_grad():  # so that what is wrong with the call is said before it is traced
        outputs = tuple(_named(flat.call(inputs)))
    return Traceable(flat, inputs, _input_names(kwargs, len(inputs)), outputs)


class _Flat(nn.Module):
    """A network that takes the tensors of its arguments one by one, and gives a tuple of tensors.

    Args:
        net: the network.
        args: its arguments; the tensors among them are replaced.
        kwargs: its keywords; likewise.
        unrolls: passes.
        readout: which of them are given.
    """

    def __init__(
        self,
        net: Net,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        unrolls: int,
        readout: Readout,
    ) -> None:
        super().__init__()
        self.net, self.unrolls, self.readout = net, unrolls, readout
        leaves, self.tree = tree_flatten((args, kwargs))
        self.rest = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self.places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the tensors among what the network gives."""
        return tuple(_named(self.call(tensors)).values())

    def call(self, tensors: tuple[Tensor, ...]) -> Any:
        """Return what the network gives."""
        leaves = list(self.rest)
        for place, x in zip(self.places, tensors, strict=True):
            leaves[place] = x
        args, kwargs = tree_unflatten(leaves, self.tree)
        return self.net(*args, **kwargs, unrolls=self.unrolls, readout=self.readout)


def _arguments(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return an example as arguments and keywords."""
    if isinstance(example, Mapping):
        return (), dict(example)
    return (example if isinstance(example, tuple) else (example,)), {}


def _input_names(kwargs: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Return a name for each tensor of the example: its keyword, or its number."""
    keys = tuple(key for key, value in kwargs.items() if isinstance(value, Tensor))
    if len(keys) == count:
        return keys
    return ("x",) if count == 1 else tuple(f"x_{i}" for i in range(1, count + 1))


def _as_float(x: Tensor) -> Tensor:
    return x.float() if x.is_floating_point() else x


def _named(output: Any, name: str = "") -> dict[str, Tensor]:
    """Return the tensors in what a network gave, each by its keys: "logits", "hidden_states_0"."""
    if isinstance(output, Tensor):
        return {name or "logits": output}
    if isinstance(output, Mapping):
        parts = [(str(key), value) for key, value in output.items()]
    elif isinstance(output, tuple | list):
        parts = [(str(i), value) for i, value in enumerate(output)]
    else:
        return {}
    found: dict[str, Tensor] = {}
    for key, value in parts:
        found |= _named(value, f"{name}_{key}" if name else key)
    return found

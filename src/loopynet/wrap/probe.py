"""One pass of a model, watched: which modules run, in which order, with which shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils._pytree import tree_map

from loopynet.errors import LoopyNetError
from loopynet.wrap.mirror import mirror, on_meta, safe
from loopynet.wrap.module_spec import MultiplyAdds


@dataclass
class Call:
    """One call of a module.

    Attributes:
        began: its place among all beginnings and ends of calls.
        ended: the same for its end.
        args: what it was called with; tensors without numbers.
        kwargs: the keywords.
        output: what it returned.
        multiply_adds: of its convolutions and matrix products, for the whole batch.
    """

    began: int
    ended: int = -1
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    output: Any = None
    multiply_adds: int = 0


Calls = dict[str, list[Call]]
"""The calls of each module by its dotted name, "" for the model itself."""


def as_inputs(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return an example's arguments: of a tensor, a tuple of arguments or a mapping of keywords."""
    if isinstance(example, Mapping):
        return (), dict(example)
    return (example if isinstance(example, tuple) else (example,)), {}


def probe(model: nn.Module, example: Any) -> Calls:
    """Run a copy of a model once, without numbers if it can be, and return its calls.

    Nothing of the model moves: no statistics, no random numbers. The copy is in evaluation mode.

    Args:
        model: the model.
        example: a batch; None for a guess from the model's configuration and first layer.

    Raises:
        LoopyNetError: the model does not run on the example, or none can be guessed.
    """
    state = [*model.named_parameters(), *model.named_buffers()]
    lazy = [n for n, p in state if isinstance(p, UninitializedParameter | UninitializedBuffer)]
    if lazy:
        raise LoopyNetError(
            f'the model has no numbers for "{lazy[0]}" yet; run it once on a batch, then add loops'
        )
    copy = mirror(model, on_meta).eval()
    if example is None:
        return _guessed(copy)
    args, kwargs = as_inputs(example)
    try:
        return _watch(copy, *tree_map(_meta, (args, kwargs)))
    except Exception:  # some models look at numbers
        with torch.random.fork_rng(devices=[]):
            try:
                return _watch(mirror(model, safe).eval(), args, kwargs)
            except Exception as error:  # whatever the model raises
                raise LoopyNetError(
                    f"the model does not run on the example: {type(error).__name__}: {error}"
                ) from error


def _meta(value: Any) -> Any:
    return on_meta(value.detach()) if isinstance(value, Tensor) else value


def _watch(copy: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Calls:
    """Run a model that is ours to change, and return its calls."""
    calls: Calls = {}
    open_calls: list[Call] = []
    clock = iter(range(10**9))
    counter = MultiplyAdds()

    def begin(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = tree_map(_meta, args), tree_map(_meta, kwargs)
            call = Call(next(clock), args=given[0], kwargs=given[1], multiply_adds=-counter.total)
            calls.setdefault(name, []).append(call)
            open_calls.append(call)

        return hook

    def end(module: nn.Module, args: Any, output: Any) -> None:
        call = open_calls.pop()
        call.ended, call.output = next(clock), tree_map(_meta, output)
        call.multiply_adds += counter.total

    for name, module in copy.named_modules():
        module.register_forward_pre_hook(begin(name), with_kwargs=True)
        module.register_forward_hook(end)
    with torch.no_grad(), counter:
        copy(*args, **kwargs)
    return calls


def _guessed(copy: nn.Module) -> Calls:
    """Run a copy on the meta device with the first guessed input that it takes."""
    said = ""
    for shape in _shapes(copy):
        like = next((p for p in copy.parameters() if p.is_floating_point()), torch.empty(0))
        try:
            return _watch(copy, (torch.empty(2, *shape, device="meta", dtype=like.dtype),), {})
        except Exception as error:  # a wrong guess
            said = f" (tried {[2, *shape]}: {type(error).__name__})"
            copy = mirror(copy, on_meta)
    raise LoopyNetError(
        f"no batch could be guessed on which the model runs{said}; pass one as example="
    )


def _shapes(model: nn.Module) -> Iterator[tuple[int, ...]]:
    """Yield shapes of inputs that a model may take, without the batch."""
    config = getattr(model, "config", None)
    size, channels = getattr(config, "image_size", None), getattr(config, "num_channels", None)
    if size is not None and channels is not None:
        yield (channels, *(size if isinstance(size, tuple | list) else (size, size)))
    settings = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None)
    if isinstance(settings, Mapping) and "input_size" in settings:
        yield tuple(settings["input_size"])
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            yield from ((module.in_channels, n, n) for n in (224, 32, 28, 64))
            return
        if isinstance(module, nn.Linear):
            yield (module.in_features,)
            return

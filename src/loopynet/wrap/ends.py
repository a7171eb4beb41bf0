"""Where loops start and end in a model, checked against what one pass of it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from loopynet.errors import LoopyNetError
from loopynet.parts.shape import Shape, show
from loopynet.spec import Loop
from loopynet.wrap.port import Port, argument, describe
from loopynet.wrap.probe import Call, Calls


@dataclass(frozen=True)
class Ends:
    """The ends of a loop.

    Attributes:
        source: the module whose output is taken.
        target: the module whose input is joined.
        source_shape: of that output, without the batch.
        target_shape: of that input, without the batch.
    """

    source: Port
    target: Port
    source_shape: Shape
    target_shape: Shape


def find_ends(
    name: str, loop: Loop, model: nn.Module, calls: Calls, known: Mapping[str, str]
) -> Ends:
    """Return a loop's ends.

    Args:
        name: the loop's.
        loop: its options.
        model: the model.
        calls: what one pass of it did.
        known: the dotted names of its modules, each with the first name of its module.

    Raises:
        LoopyNetError: there is no such module, it does not run once, or it has no such tensor.
    """
    source = Port.parse(loop.from_, f"{name}.from", known)
    target = Port.parse(loop.to, f"{name}.to", known)
    start = _call(f"{name}.from", source, calls, model)
    end = _call(f"{name}.to", target, calls, model)
    try:
        output = source.of_output(start.output)
        x = argument(end.args, end.kwargs, target.of_arguments(end.args, end.kwargs))
    except LoopyNetError as error:
        raise LoopyNetError(f"{name}: {error}") from None
    if start.ended < end.began:
        raise LoopyNetError(
            f'{name}: goes forward, for "{source}" is done before "{target}" begins; a loop goes '
            "back: exchange from_ and to"
        )
    if not output.is_floating_point():
        raise LoopyNetError(
            f'{name}.from: "{source}" gives {describe(output)}, and a signal is of floating-point '
            "numbers"
        )
    if output.dim() == 0 or x.dim() == 0 or len(output) != len(x):
        shapes = show(tuple(output.shape)), show(tuple(x.shape))
        raise LoopyNetError(
            f'{name}: "{source}" gives {shapes[0]} and "{target}" takes {shapes[1]}, which are not '
            "of one batch: their first numbers differ"
        )
    return Ends(source, target, tuple(output.shape[1:]), tuple(x.shape[1:]))


def _call(where: str, port: Port, calls: Calls, model: nn.Module) -> Call:
    """Return the call of a module that a port means."""
    found = calls.get(port.path, [])
    if not found:
        module = model.get_submodule(port.path)
        member = next((f"{port.path}.{child}" for child, _ in module.named_children()), None)
        advice = f'; name a module that runs, such as "{member}"' if member else ""
        raise LoopyNetError(
            f'{where}: "{port.path}" ({type(module).__name__}) is not called when the model runs'
            f"{advice}"
        )
    if port.call is None and len(found) > 1:
        raise LoopyNetError(
            f'{where}: "{port.path}" is called {len(found)} times in a pass; say which call: '
            f'"{port.path}#1" to "{port.path}#{len(found)}"'
        )
    if port.call is not None and port.call > len(found):
        times = "once" if len(found) == 1 else f"{len(found)} times"
        raise LoopyNetError(f'{where}: "{port.path}" is called {times} in a pass, so no "{port}"')
    return found[(port.call or 1) - 1]

"""`add_loops`: from a model and a few loops to a model with loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import nn

from loopynet.errors import LoopyNetError, did_you_mean
from loopynet.graph.wiring import RESERVED
from loopynet.network.readout import Last, Readout, as_readout
from loopynet.parts.layers import LayerSpec
from loopynet.spec import Loop
from loopynet.wrap.edge import LoopEdge
from loopynet.wrap.ends import find_ends
from loopynet.wrap.loopy_model import LoopyModel, check_unrolls
from loopynet.wrap.outline import outline
from loopynet.wrap.probe import probe
from loopynet.wrap.recording import OUTPUT
from loopynet.wrap.way import Given, build_way


def add_loops(
    model: nn.Module,
    loops: Sequence[Loop] | Mapping[str, Loop],
    unrolls: int = 2,
    *,
    example: Any = None,
    layers: Mapping[str, Given] | None = None,
    start: Literal["identity", "full"] = "identity",
    freeze: Literal["backbone"] | None = None,
    readout: Readout | Literal["last", "each"] = "last",
    statistics: Literal["last", "each"] = "last",
) -> LoopyModel:
    """Add feedback loops between the modules of any model.

    The model stays what it is: its parameters are shared, not copied, and its state_dict does not
    change. Its shapes are found once, by running a copy on the meta device.

    Args:
        model: any module.
        loops: the loops, by name, or in a list: then they are called loop_1, loop_2, ... `from_`
            and `to` are dotted names of modules: "layer4"; "layer4#2" for its second call in a
            pass; "layer4[0]" or "layer4[hidden]" for one of several tensors.
        unrolls: passes of a call.
        example: a batch as the model takes it: a tensor, a tuple of arguments or a mapping of
            keywords. On the meta device it will do. If None, one is guessed from the model's
            configuration and first layer.
        layers: what loops name in `through`: layers of ours (`Conv2d(filters=64)`), whose input
            shape is found, or modules.
        start: identity: each loop has a gain, 0 at first, so that the model computes what it did
            until training moves the gain. full: no gain.
        freeze: "backbone" trains the loops alone: the model's parameters get no gradients, and it
            stays in evaluation mode.
        readout: which passes give the output of a call: last, or each.
        statistics: which passes move running statistics (of batch norm) in training: last, or each.

    Returns:
        The model with loops, with all its parameters, in the model's mode, type and device.

    Raises:
        LoopyNetError: there is no such module, it is not called, or its tensors do not fit.
    """
    _check_model(model)
    _check_words(start=start, freeze=freeze, statistics=statistics)
    count, layers = check_unrolls(unrolls), layers or {}
    named, known = _named(loops), _known(model)
    _check_names(named, layers, known)
    calls = probe(model, example)
    edges = {}
    for name, loop in named.items():
        ends = find_ends(name, loop, model, calls, known)
        _check_delay(name, loop, count)
        steps = max(count - loop.delay, 1)
        way = build_way(name, loop.through, ends.source_shape, layers, steps)
        edges[name] = LoopEdge(name, loop, ends, way, identity=start == "identity")
    chosen = as_readout(readout)
    graph = outline(model, calls, edges, count, "last" if isinstance(chosen, Last) else "each")
    several = frozenset(path for path, each in calls.items() if len(each) > 1)
    net = LoopyModel(model, edges, graph, chosen, statistics, freeze is not None, several)
    net.loops.to(next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0)))
    return net


def _check_model(model: nn.Module) -> None:
    """Raise LoopyNetError for what is no model that loops can be added to."""
    if not isinstance(model, nn.Module):
        raise LoopyNetError(f"add_loops takes a torch.nn.Module, and got {type(model).__name__}")
    if isinstance(model, torch.jit.ScriptModule):
        raise LoopyNetError("a scripted module takes no loops; add them, then script or export")
    if hasattr(model, "_orig_mod"):
        raise LoopyNetError("a compiled module takes no loops; add them, then compile")


def _check_words(**given: str | None) -> None:
    """Raise LoopyNetError for an option that is none of its words."""
    for option, words in _WORDS.items():
        if given[option] not in words:
            named = " or ".join(f'"{word}"' for word in words if word)
            raise LoopyNetError(f"{option}={given[option]!r} is no choice; write {named}")


_WORDS: dict[str, tuple[str | None, ...]] = {
    "start": ("identity", "full"),
    "freeze": (None, "backbone"),
    "statistics": ("last", "each"),
}


def _named(loops: Sequence[Loop] | Mapping[str, Loop]) -> dict[str, Loop]:
    """Return the loops by name."""
    if isinstance(loops, Loop):
        loops = [loops]
    if not isinstance(loops, Mapping):
        loops = {f"loop_{i}": loop for i, loop in enumerate(loops, 1)}
    for name, loop in loops.items():
        if not isinstance(loop, Loop):
            raise LoopyNetError(f"{name}: is {type(loop).__name__}; write Loop(from_=..., to=...)")
    if not loops:
        raise LoopyNetError("add_loops got no loops; write at least one Loop(from_=..., to=...)")
    return dict(loops)


def _known(model: nn.Module) -> dict[str, str]:
    """Return every dotted name in a model, with the first name of its module."""
    first = {id(module): path for path, module in model.named_modules()}
    every = model.named_modules(remove_duplicate=False)
    return {path: first[id(module)] for path, module in every if path}


def _check_names(
    loops: Mapping[str, Loop], layers: Mapping[str, Given], known: Mapping[str, str]
) -> None:
    """Raise LoopyNetError for a name that cannot be told from another, or that nothing uses."""
    for name in (*loops, *layers):
        if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
            raise LoopyNetError(
                f"{name!r} cannot be a name here; write letters, digits and underscores"
            )
        if name in known or name == OUTPUT or (name in loops and name in layers):
            raise LoopyNetError(f'the name "{name}" is taken; choose another')
    used = [layer for loop in loops.values() for layer in loop.through]
    for name, given in layers.items():
        if not isinstance(given, LayerSpec | nn.Module):
            raise LoopyNetError(
                f'layers: "{name}" is {type(given).__name__}; write a layer such as '
                "Conv2d(filters=64), or a torch.nn.Module"
            )
        if used.count(name) != 1:
            how = "twice" if name in used else "in no loop"
            hint = did_you_mean(name, used) if name not in used else ""
            raise LoopyNetError(
                f'layers: "{name}" is named {how}; name it in the through of one loop.{hint}'
            )


def _check_delay(name: str, loop: Loop, unrolls: int) -> None:
    """Raise LoopyNetError for a loop whose first signal would come after the last pass."""
    if 1 < unrolls <= loop.delay:
        raise LoopyNetError(
            f"{name}.delay: is {loop.delay}, so that with {unrolls} unrolls no signal ever arrives;"
            " write a smaller delay or more unrolls"
        )

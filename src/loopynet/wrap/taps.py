"""How signals get into and out of a model that knows nothing of loops.

Each module where a loop starts or ends has a tap: two hooks that hold a name and nothing else. They
act only inside a pass of the network that they belong to. The pass stands on a stack that every
thread has for itself, and is gone when the pass is over.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from loopynet.errors import LoopyNetError
from loopynet.wrap.port import Port, argument

if TYPE_CHECKING:
    from loopynet.wrap.edge import LoopEdge
    from loopynet.wrap.recording import Recorder


class Key:
    """Whose pass it is: one object for a network and its taps. A deep copy gets one of its own."""


class _Stack(threading.local):
    top: Pass | None = None


_running = _Stack()


class Pass:
    """One run of the backbone.

    Args:
        key: of the network.
        edges: its loops by name.
        arriving: the signal of each loop; None for an absent one.
        sending: the loops whose source is read.
        recorder: what is told of the merges.

    Attributes:
        met: the input of each loop's target, before the merge.
        sent: a copy of each source's output (the model may go on to change it in place).
    """

    def __init__(
        self,
        key: Key,
        edges: Mapping[str, LoopEdge],
        arriving: Mapping[str, Tensor | None],
        sending: frozenset[str],
        recorder: Recorder | None,
    ) -> None:
        self.key = key
        self.edges = edges
        self.arriving = arriving
        self.sending = sending
        self.recorder = recorder
        self.met: dict[str, Tensor] = {}
        self.sent: dict[str, Tensor] = {}
        self.entered: dict[str, int] = {}
        self.left: dict[str, int] = {}
        self.outer: Pass | None = None
        self.saving = _saving()

    def run(self, backbone: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the backbone's output, its taps open meanwhile."""
        self.outer = _running.top
        _running.top = self
        try:
            return backbone(*args, **kwargs)
        finally:
            _running.top = self.outer

    def check(self) -> None:
        """Raise LoopyNetError if a loop's source or target did not run."""
        for name, edge in self.edges.items():
            if name not in self.met:
                raise LoopyNetError(_uncalled(name, "to", edge.target, self.entered))
            if name in self.sending and name not in self.sent:
                raise LoopyNetError(_uncalled(name, "from", edge.source, self.left))

    def enter(
        self, name: str, port: Port, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a target's arguments with the signal of a loop merged into them."""
        if not torch.compiler.is_compiling() and _saving() != self.saving:
            raise LoopyNetError(
                f'{name}.to: "{port}" runs in a checkpoint of the model, which would run it again '
                "without the loop; switch the model's own checkpointing off and pass "
                "gradient=Recompute()"
            )
        place = port.of_arguments(args, kwargs)
        x: Tensor = argument(args, kwargs, place)
        self.met[name] = x
        edge = self.edges[name]
        signal = edge.initial(x) if self.arriving[name] is None else self.arriving[name]
        if signal is None:
            return args, kwargs
        merged = edge.merge(x, signal)
        if self.recorder is not None:
            self.recorder.tell_merge(name, x, signal, merged)
        if isinstance(place, str):
            return args, {**kwargs, place: merged}
        return (*args[:place], merged, *args[place + 1 :]), kwargs

    def leave(self, name: str, port: Port, output: Any) -> None:
        """Keep what a loop takes from its source's output."""
        if name in self.sending:
            self.sent[name] = port.of_output(output).clone()


def _find(key: Key) -> Pass | None:
    """Return this thread's running pass of a network; None outside of one."""
    found = _running.top
    while found is not None and found.key is not key:
        found = found.outer
    return found


def _saving() -> Any:
    """Return what autograd does with tensors that it keeps; a checkpoint changes that."""
    if torch.compiler.is_compiling():
        return None
    return torch._C._autograd._top_saved_tensors_default_hooks(True)


def _counted(counts: dict[str, int], name: str, way: str, port: Port) -> bool:
    """Count a call of a port's module; say whether it is the one that is meant."""
    calls = counts[port.path]
    if port.call is None and calls > 1:
        raise LoopyNetError(
            f'{name}.{way}: "{port.path}" is called several times in a pass; say which call: '
            f'"{port.path}#1", "{port.path}#2"'
        )
    return port.call is None or calls == port.call


def _uncalled(name: str, way: str, port: Port, counts: Mapping[str, int]) -> str:
    calls = counts.get(port.path, 0)
    if calls:
        times = "once" if calls == 1 else f"{calls} times"
        return f'{name}.{way}: "{port.path}" was called {times} in this pass, so no "{port}"'
    return f'{name}.{way}: "{port.path}" was not called in this pass'


@dataclass(frozen=True)
class Into:
    """The hook before a module: loops that end here join its input."""

    key: Key
    ports: tuple[tuple[str, Port], ...]

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Return the arguments that the module runs with."""
        running = _find(self.key)
        if running is None:
            return None
        path = self.ports[0][1].path
        running.entered[path] = running.entered.get(path, 0) + 1
        for name, port in self.ports:
            if _counted(running.entered, name, "to", port):
                args, kwargs = running.enter(name, port, args, kwargs)
        return args, kwargs


@dataclass(frozen=True)
class OutOf:
    """The hook after a module: loops that start here take its output."""

    key: Key
    ports: tuple[tuple[str, Port], ...]

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Take the output; it stays what it is."""
        running = _find(self.key)
        if running is None:
            return
        path = self.ports[0][1].path
        running.left[path] = running.left.get(path, 0) + 1
        for name, port in self.ports:
            if _counted(running.left, name, "from", port):
                running.leave(name, port, output)

"""A model with loops added to it: the model runs k times, and its signals go back."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from loopynet.errors import LoopyNetError
from loopynet.graph import Graph
from loopynet.modules.gradient import Full, Gradient, Recompute, Truncated
from loopynet.network.edge import damped
from loopynet.network.readout import Last, Readout, as_readout
from loopynet.wrap.edge import LoopEdge
from loopynet.wrap.mirror import mirror, shared
from loopynet.wrap.port import Port
from loopynet.wrap.recording import Record, Recorder
from loopynet.wrap.taps import Into, Key, OutOf, Pass

Carry = dict[str, tuple[Tensor | None, ...]]
"""The signals under way by loop, the next to arrive first; None for an absent one."""


class LoopyModel(nn.Module):
    """A model whose modules get signals from its own earlier passes; made by `add_loops`.

    A call runs the whole backbone k times. A signal sent in pass t joins its target in pass
    t + delay. Two hooks stand at each module where loops start or end; they are without effect when
    the backbone is called by itself, and `unwrap` takes them out.

    Args:
        backbone: the model.
        loops: its loops by name.
        graph: its outline, with the passes of a call.
        readout: which passes' outputs a call gives.
        statistics: which passes move running statistics in training.
        frozen: whether the backbone is left alone: no gradients, always in evaluation mode.
        several: the modules that are called several times in a pass.

    Attributes:
        backbone: the model; its state is what it was.
        loops: what was added.
        graph: the model's outline, which drawings and tables read.
    """

    def __init__(
        self,
        backbone: nn.Module,
        loops: Mapping[str, LoopEdge],
        graph: Graph,
        readout: Readout,
        statistics: Literal["last", "each"],
        frozen: bool,
        several: frozenset[str],
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.loops = nn.ModuleDict(loops)
        self.graph = graph
        self.readout = readout
        self.statistics = statistics
        self.frozen = frozen
        self._several = several
        ends = (port.path for edge in loops.values() for port in (edge.source, edge.target))
        self._around = tuple(dict.fromkeys(path for end in ends for path in _around(end)))
        self._key = Key()
        self._taps = [*self._install()]
        if frozen:
            backbone.requires_grad_(False).eval()
        self.training = backbone.training  # of its parts, each keeps its own mode
        self.loops.train(backbone.training)

    def forward(
        self,
        *args: Any,
        unrolls: int | None = None,
        readout: Readout | Literal["last", "each"] | None = None,
        gradient: Gradient | None = None,
        record: Record | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run the model with its loops.

        Args:
            args: the backbone's arguments.
            unrolls: passes; those of `add_loops` if None. With 1 no signal arrives.
            readout: Last() or Each(), or the word for it; that of `add_loops` if None.
            gradient: Full(), Truncated(n) or Recompute(); Full() if None.
            record: called with the name ("layer2.0@2") and value of every module's output, and of
                each merge ("loop_1@2", with its terms "loop_1.forward@2" and "loop_1.signal@2").
                The call then runs on a copy of the modules, with the same numbers.
            kwargs: the backbone's keywords.

        Returns:
            The backbone's output; with Each() the same structure, each tensor [unrolls, ...].

        Raises:
            LoopyNetError: an impossible number of unrolls or gradient mode; a module that a loop
                needs was not called as it was when the loops were added; shapes that differ.
        """
        count = self.graph.steps if unrolls is None else check_unrolls(unrolls)
        mode = _mode(gradient)
        chosen = as_readout(readout or self.readout)
        self._check_checkpoints()
        if record is None:
            return self._run(args, kwargs, count, mode, chosen, None)
        watched = mirror(self, shared)
        ways = (way for edge in watched.edges.values() for way in edge.through.items())
        modules = (*watched.backbone.named_modules(), *ways)
        recorder = Recorder(record, modules, self._several)
        return watched._run(args, kwargs, count, mode, chosen, recorder)

    def trace(self, *args: Any, unrolls: int | None = None, **kwargs: Any) -> dict[str, Tensor]:
        """Return every activation of one run by name: "layer2.0@2", merges as "loop_1@2".

        In training mode this moves running statistics, as any call does.

        Args:
            args: the backbone's arguments.
            unrolls: passes; those of `add_loops` if None.
            kwargs: the backbone's keywords.
        """
        told: dict[str, Tensor] = {}
        self(*args, unrolls=unrolls, readout=Last(), record=told.__setitem__, **kwargs)
        terms = tuple(f"{loop}.{term}@" for loop in self.loops for term in ("forward", "signal"))
        return {name: value for name, value in told.items() if not name.startswith(terms)}

    def unwrap(self) -> nn.Module:
        """Take the taps out of the backbone and return it; the loops no longer act."""
        for handle in self._taps:
            handle.remove()
        return self.backbone

    def train(self, mode: bool = True) -> LoopyModel:
        """Set the training mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def _run(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        count: int,
        mode: Full | Truncated | Recompute,
        readout: Readout,
        recorder: Recorder | None,
    ) -> Any:
        """Run `count` passes and return what the readout takes."""
        carry: Carry = {name: (None,) * edge.loop.delay for name, edge in self.edges.items()}
        statistics = self._moving() if count > 1 else []
        outputs = []
        for t in range(1, count + 1):
            if t == count:  # the earlier passes have used their batch's statistics, not these
                for buffer, value in statistics:
                    buffer.data.copy_(value)
            arguments = (args, kwargs, carry, t, count, recorder)
            output, carry = mode.one_pass(self._one_pass, self, arguments, t, count)
            if readout.wants(t, count):
                outputs.append(output)
        return _join(readout, outputs)

    def _one_pass(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        carry: Carry,
        t: int,
        count: int,
        recorder: Recorder | None,
    ) -> tuple[Any, Carry]:
        """Run the backbone once; returns its output and the signals for later passes."""
        if recorder is not None:
            recorder.begin(t)
        if count > 1:
            args, kwargs = tree_map(_own, (args, kwargs))
        edges = self.edges
        arriving = {name: queue[0] for name, queue in carry.items()}
        sending = frozenset(name for name, edge in edges.items() if t + edge.loop.delay <= count)
        one = Pass(self._key, edges, arriving, sending, recorder)
        output = one.run(self.backbone, args, kwargs)
        one.check()
        leaving = {}
        for name, x in one.sent.items():
            edge, met, before = edges[name], one.met[name], carry[name][-1]
            before = edge.initial(met) if before is None else before
            leaving[name] = damped(edge.loop.damping, edge.signal(x, met, t), before)
        return output, {name: (*queue[1:], leaving.get(name)) for name, queue in carry.items()}

    @property
    def edges(self) -> dict[str, LoopEdge]:
        """The loops by name, as what they are."""
        return dict(self.loops.items())  # type: ignore[arg-type]

    def _install(self) -> Iterator[torch.utils.hooks.RemovableHandle]:
        """Put taps on the modules where loops start and end."""
        for path, ports in _by_path({n: e.target for n, e in self.edges.items()}).items():
            module = self.backbone.get_submodule(path)
            yield module.register_forward_pre_hook(Into(self._key, ports), with_kwargs=True)
        for path, ports in _by_path({n: e.source for n, e in self.edges.items()}).items():
            module = self.backbone.get_submodule(path)
            yield module.register_forward_hook(OutOf(self._key, ports), with_kwargs=True)

    def _moving(self) -> list[tuple[Tensor, Tensor]]:
        """Return the buffers that passes but the last are not to move, with their values."""
        if self.statistics == "each":
            return []
        modules = (module for module in self.backbone.modules() if module.training)
        buffers = (buffer for module in modules for buffer in module.buffers(recurse=False))
        return [(buffer, buffer.clone()) for buffer in buffers]

    def _check_checkpoints(self) -> None:
        """Raise LoopyNetError if the backbone would run a loop's end again on the way back."""
        if not torch.is_grad_enabled():
            return
        for path in self._around:
            module = self.backbone.get_submodule(path)
            flags = (getattr(module, name, False) for name in _CHECKPOINTS)
            if module.training and any(flag is True for flag in flags):
                raise LoopyNetError(
                    f'"{path or type(module).__name__}" has gradient checkpointing of its own '
                    "switched on, which would run it again without the loops; switch it off and "
                    "pass gradient=Recompute()"
                )


_CHECKPOINTS = ("gradient_checkpointing", "grad_checkpointing")
"""The flags of Hugging Face's and timm's models."""


def _around(path: str) -> Iterator[str]:
    """Yield a module's name and those of the modules that it is in: "a.b", "a", ""."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield path


def _by_path(ports: Mapping[str, Port]) -> dict[str, tuple[tuple[str, Port], ...]]:
    """Return loops with their ports, by the modules that these are of."""
    paths = dict.fromkeys(port.path for port in ports.values())
    return {path: tuple((n, p) for n, p in ports.items() if p.path == path) for path in paths}


def _own(value: Any) -> Any:
    """Return a copy of an argument that a pass may change: the next pass gets what was given."""
    if isinstance(value, Tensor):
        return value.clone()
    return value if isinstance(value, str | int | float | bool | None) else copy.deepcopy(value)


def _join(readout: Readout, outputs: list[Any]) -> Any:
    """Return the outputs of the passes as one of their kind."""
    if len(outputs) == 1 and isinstance(readout, Last):
        return outputs[0]
    leaves, trees = zip(*map(tree_flatten, outputs), strict=True)
    if any(tree != trees[0] for tree in trees):
        raise LoopyNetError("the model's passes return unlike things; read the last one only")
    joined = [
        readout.join(list(each)) if isinstance(each[0], Tensor) else each[-1]
        for each in zip(*leaves, strict=True)
    ]
    return tree_unflatten(joined, trees[0])


def _mode(gradient: Gradient | None) -> Full | Truncated | Recompute:
    if gradient is None:
        return Full()
    if isinstance(gradient, Full | Truncated | Recompute):
        return gradient
    raise LoopyNetError(
        f"{type(gradient).__name__} is a gradient at a fixed point, to which a wrapped model is "
        "not run; write Full(), Truncated(n) or Recompute()"
    )


def check_unrolls(unrolls: int) -> int:
    """Return a number of passes; raises LoopyNetError for what is none."""
    if not isinstance(unrolls, int) or unrolls < 1:
        raise LoopyNetError(f"unrolls must be a whole number from 1 up, and is {unrolls!r}")
    return unrolls

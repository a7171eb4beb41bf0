"""The network itself: an ordinary torch module that runs its loops k times."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.fx import Proxy

from loopynet.errors import LoopyNetError, LoopyNetWarning
from loopynet.graph import Edge, Graph, build_graph, check_memory
from loopynet.graph.nodes import INPUT, Section
from loopynet.modules.gradient import Full, Gradient, Implicit, Phantom, Recompute, Truncated
from loopynet.network.carry import Carry
from loopynet.network.early_exit import exit_early
from loopynet.network.edge import Fit, Merge, initial_signal
from loopynet.network.fixed_point import run_to_convergence
from loopynet.network.layer import Layer
from loopynet.network.readout import Each, Last, Readout, as_readout
from loopynet.network.stopping import Converged, Outcome, Stop
from loopynet.network.weights import load_weights
from loopynet.parts.gradients import gradients, solvers
from loopynet.parts.shape import show
from loopynet.spec import NetworkSpec, read_spec
from loopynet.spec.read import validate
from loopynet.zoo import load_source, pretrained_folder

if TYPE_CHECKING:
    Kept = dict[str, Tensor]
    Record = Callable[[str, Tensor], None]


class LoopyNet(nn.Module):
    """A feed-forward network with feedback loops, unrolled k times.

    The trunk runs once. Then each of k passes runs the loopy section bottom to top; a loop's
    signal, computed at the end of pass t, joins its target at pass t + delay. The head reads the
    last pass, or each. All parameters exist after construction.

    Args:
        spec: the network's description.

    Attributes:
        spec: the description.
        graph: the resolved graph, with every shape.

    Raises:
        SpecError: the description is no valid network.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        if not isinstance(spec, NetworkSpec):
            raise LoopyNetError(
                "LoopyNet takes a NetworkSpec; LoopyNet.from_yaml takes a file or a zoo name"
            )
        self.spec = spec
        self.graph: Graph = build_graph(spec)
        if torch.get_default_device().type != "meta":
            check_memory(self.graph, batch_size=1)
        self.layers = nn.ModuleDict(self._build_layers())
        self.fits = nn.ModuleDict(self._build_edges(Fit))
        self.merges = nn.ModuleDict(self._build_edges(Merge))
        self._norm_differs = any(
            node.norm.differs_by_step and node.section == "body"
            for node in self.graph.layers.values()
        )
        self._sources = {edge.source for edge in self.graph.edges}

    @classmethod
    def from_yaml(cls, spec: str | Path) -> LoopyNet:
        """Build the network of a YAML file, or of a zoo entry's name.

        Raises:
            SpecError: with file, line and key of what is wrong.
        """
        source = load_source(spec)
        with source.blame():
            return cls(validate(source))

    @classmethod
    def load(cls, run: str | Path) -> LoopyNet:
        """Return the trained network of a run folder, in evaluation mode.

        Args:
            run: the folder's path, or its name under `runs/`.

        Raises:
            SpecError: config.yaml is missing or damaged.
            RunError: the weights are missing, damaged, or those of another network.
        """
        folder = Path(run) if (Path(run) / "config.yaml").is_file() else Path("runs") / run
        net = cls(read_spec(folder / "config.yaml"))
        load_weights(net, folder / "model.safetensors")
        return net.eval()

    @classmethod
    def pretrained(cls, name: str) -> LoopyNet:
        """Return a trained zoo network, in evaluation mode; see `pretrained_names`.

        Its inputs are preprocessed as its run's were: `RunFolder.open(name).preprocessing()`.

        Raises:
            SpecError: no weights come with this name.
        """
        return cls.load(pretrained_folder(name))

    def forward(
        self,
        x: Tensor,
        *,
        unrolls: int | None = None,
        readout: Readout | Literal["last", "each"] | None = None,
        gradient: Gradient | None = None,
        stop: Stop | None = None,
        record: Record | None = None,
    ) -> Tensor:
        """Run the network.

        Args:
            x: inputs [N, *graph.input_shape].
            unrolls: passes through the loopy section; the spec's `unroll.steps` if None. Passes
                beyond the trained number are normalized as the last trained one is (a warning says
                so once).
            readout: Last() or Each(), or the YAML's word for it; the spec's if None.
            gradient: Full(), Truncated(n), Recompute(), Implicit() or Phantom(); the spec's
                `training.gradient` if None.
            stop: Converged(), Confident() or Agreed(): when a sample has had enough unrolls. If
                None, the spec's `unroll.until`, unless `unrolls` is given.
            record: called with the name ("conv_1@2") and value of every activation. A merge tells
                its two terms too: "feedback.forward@2" and "feedback.signal@2".

        Returns:
            Logits [N, classes], or [unrolls, N, classes] with Each().

        Raises:
            LoopyNetError: an input of the wrong shape, an impossible number of unrolls, or parts
                that do not go together.
        """
        if isinstance(x, Proxy):  # torch.fx traces, and hands over every argument as a proxy
            unrolls = readout = gradient = stop = record = None
        else:
            self._check_input(x)
        if stop is None and unrolls is None:
            stop = self.stop
        if stop is not None:
            if record is not None:
                raise LoopyNetError(
                    "a stopping rule runs no fixed passes to record: write unrolls=k"
                )
            return self.run(x, stop, unrolls=unrolls, readout=readout, gradient=gradient).logits
        mode = self._mode(gradient)
        count = self._check_unrolls(unrolls)
        chosen = as_readout(readout or self.graph.readout)
        x, kept = self._run_trunk(x, record)
        carry = self._initial_carry(x)
        logits = []
        for t in range(1, count + 1):
            arguments = (x, kept, carry, t, count, record)
            state, carry = mode.one_pass(self._one_pass, self, arguments, t, count)
            if chosen.wants(t, count):
                logits.append(self._run_head(*state, t, record))
        return chosen.join(logits)

    def run(
        self,
        x: Tensor,
        stop: Stop | None = None,
        *,
        unrolls: int | None = None,
        readout: Readout | Literal["last", "each"] | None = None,
        gradient: Gradient | None = None,
    ) -> Outcome:
        """Run the network and report how many unrolls each sample had; as a call otherwise.

        Args:
            x: inputs [N, *graph.input_shape].
            stop: as for a call.
            unrolls: as for a call; with Confident or Agreed the most passes.
            readout: as for a call; with a stopping rule only the last.
            gradient: as for a call.
        """
        self._check_input(x)
        stop = self.stop if stop is None and unrolls is None else stop
        if stop is None:
            logits = self(x, unrolls=unrolls, readout=readout, gradient=gradient)
            count = torch.full((len(x),), self._check_unrolls(unrolls), device=x.device)
            return Outcome(logits, count)
        if readout is not None and not isinstance(as_readout(readout), Last):
            raise LoopyNetError(
                "a stopping rule gives one answer for each sample: leave readout out"
            )
        if isinstance(stop, Converged):
            if unrolls is not None:
                raise LoopyNetError("with Converged write max_steps in it, and leave unrolls out")
            return run_to_convergence(self, x, stop, self._fixed_point_mode(gradient))
        return exit_early(self, x, stop, self._check_unrolls(unrolls))

    def _mode(self, gradient: Gradient | None) -> Full | Truncated | Recompute:
        """Return the gradient mode of a run with a fixed number of unrolls."""
        mode = gradient or gradients.call(self.spec.training.gradient)
        if isinstance(mode, Implicit | Phantom):
            if gradient is None:  # the spec's, and the call asked for a number of unrolls
                return Full()
            raise LoopyNetError(
                f"{type(mode).__name__} is a gradient at a fixed point: add stop=Converged()"
            )
        return mode

    def _fixed_point_mode(self, gradient: Gradient | None) -> Implicit | Phantom:
        """Return the gradient mode of a run to convergence; the exact one if none is named."""
        mode = gradient or gradients.call(self.spec.training.gradient)
        if isinstance(mode, Implicit | Phantom):
            return mode
        if gradient is None:
            return Implicit()
        raise LoopyNetError(
            f"{type(mode).__name__} keeps passes, of which a run to convergence has no fixed "
            "number: write gradient=Implicit() or Phantom()"
        )

    @property
    def stop(self) -> Stop | None:
        """The stopping rule of the spec; None for a fixed number of unrolls."""
        unroll = self.spec.unroll
        if unroll.until == "steps" or not self.graph.loops:
            return None
        return Converged(unroll.tolerance, unroll.max_steps, solvers.call(unroll.solver))

    def _run_trunk(self, x: Tensor, record: Record | None) -> tuple[Tensor, Kept]:
        """Run what no loop touches; returns its output and what skips take from it."""
        kept = {INPUT: x}
        self._send_skips(INPUT, x, kept, 1, record)
        return self._run_chain(self.graph.trunk, x, kept, {}, 1, record), kept

    def _initial_carry(self, x: Tensor) -> Carry:
        """Return the signals before the first pass: for each loop, as many as its delay."""
        return {e.name: (initial_signal(e, x),) * e.delay for e in self.graph.loops}

    def _one_pass(
        self, x: Tensor, kept: Kept, carry: Carry, t: int, count: int | None, record: Record | None
    ) -> tuple[tuple[Tensor, Kept], Carry]:
        """Run the loopy section once; returns its state and the signals for later passes.

        `count` is the number of passes, None if it is not known.
        """
        kept = dict(kept)
        arriving = {name: queue[0] for name, queue in carry.items()}
        x = self._run_chain(self.graph.body, x, kept, arriving, t, record)
        leaving = {
            # A signal that would arrive after the last pass is not computed.
            e.name: self._signal(e, kept[e.source], t, record)
            if count is None or t + e.delay <= count
            else None
            for e in self.graph.loops
        }
        return (x, kept), {name: (*queue[1:], leaving[name]) for name, queue in carry.items()}

    def _run_head(self, x: Tensor, kept: Kept, t: int, record: Record | None) -> Tensor:
        """Run what follows the loops; returns the logits [N, classes] of pass t."""
        kept = dict(kept)
        for edge in self.graph.skips:
            if edge.section == "head" and edge.source in kept:
                kept[edge.name] = self._signal(edge, kept[edge.source], t, record)
        return self._run_chain(self.graph.head, x, kept, {}, t, record)

    def _run_chain(
        self,
        names: Sequence[str],
        x: Tensor,
        kept: Kept,
        arriving: Mapping[str, Tensor | None],
        t: int,
        record: Record | None,
    ) -> Tensor:
        """Run consecutive layers of the main stack, merging skips and arriving loops."""
        for name in names:
            for edge in self.graph.edges_into(name):
                signal = arriving.get(edge.name) if edge.kind == "loop" else kept[edge.name]
                if signal is not None:
                    _tell(record, f"{edge.name}.forward", t, x)
                    _tell(record, f"{edge.name}.signal", t, signal)
                    x = self._at(self.merges, edge.name, self._merge_section(edge), t)(x, signal)
                    _tell(record, edge.name, t, x)
            x = self._at(self.layers, name, self.graph.section_of(name), t)(x, t)
            _tell(record, name, t, x)
            if name in self._sources:
                kept[name] = x
                self._send_skips(name, x, kept, t, record)
        return x

    def _send_skips(
        self, source: str, x: Tensor, kept: Kept, t: int, record: Record | None
    ) -> None:
        """Compute the skip signals that leave a layer, but for those that the head reads."""
        for edge in self.graph.skips:
            if edge.source == source and edge.section == self.graph.section_of(source):
                kept[edge.name] = self._signal(edge, x, t, record)

    def _signal(self, edge: Edge, x: Tensor, t: int, record: Record | None) -> Tensor:
        """Return an edge's signal: its source's output x through its layers, fitted."""
        for name in edge.through:
            x = self._at(self.layers, name, edge.section, t)(x, t)
            _tell(record, name, t, x)
        fitted: Tensor = self._at(self.fits, edge.name, edge.section, t)(x)
        return fitted

    def _at(self, modules: nn.ModuleDict, name: str, section: Section, t: int) -> nn.Module:
        """Return the module that serves unroll t: the tied one, or the copy `name@t`."""
        return modules[f"{name}@{t}" if self.graph.untied(section) else name]

    def trace(self, x: Tensor, *, unrolls: int | None = None) -> dict[str, Tensor]:
        """Return every activation of one run by name: "conv_1@2", merges as "feedback@2".

        Trunk layers run once and are called `name@1`; head layers are read at every unroll. In
        training mode this moves running statistics, as any call does.

        Args:
            x: inputs [N, *graph.input_shape].
            unrolls: the spec's `unroll.steps` if None, with `unroll.until: converged` too.
        """
        told: dict[str, Tensor] = {}
        steps = unrolls or self.graph.steps
        self(x, unrolls=steps, readout=Each(), record=told.__setitem__)
        return {name: value for name, value in told.items() if "." not in name}  # no merge's terms

    def untie(self) -> LoopyNet:
        """Return an untied network with the same values: each unroll gets copies of its own.

        The copy computes the same function; the gradients of a tied weight's copies sum to its own
        (the paper's dW_i = sum_j dW_ij).
        """
        unroll = self.spec.unroll.model_copy(update={"tied": False})
        with torch.random.fork_rng(devices=[]):  # the weights that are drawn are replaced
            copy = LoopyNet(self.spec.model_copy(update={"unroll": unroll}))
        copy.to(next(iter(self.parameters()), torch.empty(0)))
        tied = self.state_dict()
        untied = {key: _tied_value(key, value, tied) for key, value in copy.state_dict().items()}
        copy.load_state_dict(untied)
        return copy.train(self.training)

    def _build_layers(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {}
        for node in self.graph.layers.values():
            if self.graph.untied(node.section):
                for t in self.graph.layer_times(node):
                    modules[f"{node.name}@{t}"] = Layer(node, 1)
            else:
                modules[node.name] = Layer(node, node.runs)
        return modules

    def _build_edges(self, build: Callable[[Edge], nn.Module]) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {}
        for edge in self.graph.edges:
            merging = build is Merge
            section = self._merge_section(edge) if merging else edge.section
            if self.graph.untied(section):
                times = (self.graph.merge_times if merging else self.graph.signal_times)(edge)
                modules |= {f"{edge.name}@{t}": build(edge) for t in times}
            else:
                modules[edge.name] = build(edge)
        return modules

    def _merge_section(self, edge: Edge) -> Section:
        return self.graph.section_of(edge.target)

    def _check_input(self, x: Tensor) -> None:
        if tuple(x.shape[1:]) != self.graph.input_shape:
            wanted = show(self.graph.input_shape)
            raise LoopyNetError(
                f'"{self.graph.name}" takes inputs [N, {wanted[1:]}, and got {show(x.shape)}'
            )

    def _check_unrolls(self, unrolls: int | None) -> int:
        steps = self.graph.steps
        if unrolls is None or unrolls == steps:
            return steps
        if not isinstance(unrolls, int) or unrolls < 1:
            raise LoopyNetError(f"unrolls must be a whole number from 1 up, and is {unrolls!r}")
        if not self.graph.loops:
            raise LoopyNetError(
                f'"{self.graph.name}" was built without loops (unroll.steps: 1 or none declared), '
                f"so it cannot run {unrolls} unrolls; build it with more steps"
            )
        if unrolls > steps and not self.graph.tied:
            raise LoopyNetError(
                f'"{self.graph.name}" is untied and has weights for {steps} unrolls, not {unrolls}'
            )
        if unrolls > steps and self._norm_differs and not torch.compiler.is_compiling():
            warnings.warn(
                f'running {unrolls} unrolls of "{self.graph.name}", which has {steps}: the unrolls '
                f"after number {steps} use its scale, shift and running statistics",
                LoopyNetWarning,
                stacklevel=2,
            )
        return unrolls


def _tell(record: Record | None, name: str, t: int, value: Tensor) -> None:
    if record is not None:
        record(f"{name}@{t}", value)


def _tied_value(key: str, like: Tensor, tied: Mapping[str, Tensor]) -> Tensor:
    """Return the tied network's value for an untied key such as layers.conv_1@2.norm.weight."""
    if key in tied:
        return tied[key]
    before, at, after = key.partition("@")
    step, _, rest = after.partition(".")
    value = tied[f"{before}.{rest}"]
    if value.shape == like.shape or not at:
        return value
    index = min(int(step), len(value)) - 1  # a norm's sets of numbers, one for each unroll
    return value[index : index + 1]

"""The network itself: an ordinary torch module that runs its loops k times."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.fx import Proxy

from loopynet.errors import LoopyNetError
from loopynet.foreign import refuse_links
from loopynet.graph import Graph, build_graph, check_memory
from loopynet.graph.nodes import INPUT, Section
from loopynet.modules.contraction import advance
from loopynet.modules.gradient import Full, Gradient, Recompute, Truncated
from loopynet.network.carry import Carry
from loopynet.network.checks import check_input, check_unrolls
from loopynet.network.construct import (
    bound_weights,
    build_fits,
    build_layers,
    build_merges,
    untied_spec,
    untied_state,
)
from loopynet.network.edge import initial_input, initial_signal
from loopynet.network.passes import (
    Kept,
    Pass,
    Record,
    leave,
    run_chain,
    runs_compiled,
    send_skips,
    signal,
)
from loopynet.network.readout import Each, Readout, as_readout
from loopynet.network.run import pass_mode, run_network, stopping_rule
from loopynet.network.segment import compile_once, split_chain
from loopynet.network.stopping import Outcome, Stop
from loopynet.network.weights import load_weights
from loopynet.spec import NetworkSpec, read_spec
from loopynet.spec.read import validate
from loopynet.zoo import load_source, pretrained_folder

Compiled = Literal["nothing", "layers", "whole"]
"""What runs compiled in training mode."""


class LoopyNet(nn.Module):
    """A feed-forward network with feedback loops, unrolled k times.

    The trunk runs once. Then each of k passes runs the loopy section bottom to top; a signal with a
    delay, sent in pass t, joins its target in pass t + delay. In the parallel schedule that holds
    for the main stack too. The head reads the last pass, or each. All parameters exist after
    construction.

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
        self.layers = nn.ModuleDict(build_layers(self.graph))
        self.fits = nn.ModuleDict(build_fits(self.graph))
        self.merges = nn.ModuleDict(build_merges(self.graph))
        bound_weights(self.graph, self.layers, self.fits)
        # For each delayed edge of the main stack, the layers that it enters and leaves.
        self._below = {n: self.graph.main[self.graph.main.index(n) - 1] for n in self.graph.delays}
        self._ended = self.graph.ended  # here, for a cached property cannot be compiled
        sections: tuple[Section, ...] = ("trunk", "body", "head")
        self._pieces = {
            name: split_chain(self.graph, getattr(self.graph, name)) for name in sections
        }
        self._compiled: Compiled = "nothing"
        self._sources = {edge.source for edge in self.graph.edges} | {*self._below.values()}

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
            RunError: the weights are missing, damaged, or those of another network; or something in
                the folder is a link that leads out of it.
        """
        folder = Path(run) if (Path(run) / "config.yaml").is_file() else Path("runs") / run
        if folder.is_dir():
            refuse_links(folder)
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
            Logits [N, classes], or [unrolls, N, classes] with Each(), which begins with unroll
            `graph.first_readout`.

        Raises:
            LoopyNetError: an input of the wrong shape, an impossible number of unrolls, or parts
                that do not go together.
        """
        if isinstance(x, Proxy):  # torch.fx traces, and hands over every argument as a proxy
            unrolls = readout = gradient = stop = record = None
        else:
            check_input(self.graph, x)
        if stop is None and unrolls is None:
            stop = self.stop
        if stop is not None:
            if record is not None:
                raise LoopyNetError(
                    "a stopping rule runs no fixed passes to record: write unrolls=k"
                )
            return self.run(x, stop, unrolls=unrolls, readout=readout, gradient=gradient).logits
        mode = pass_mode(self.spec, gradient)
        count = check_unrolls(self.graph, unrolls)
        chosen = as_readout(readout or self.graph.readout)
        if runs_compiled(self, "whole", record) and isinstance(mode, Full):
            return compile_once(LoopyNet._run_passes)(self, x, count, mode, chosen)
        return self._run_passes(x, count, mode, chosen, record)

    def _run_passes(
        self,
        x: Tensor,
        count: int,
        mode: Full | Truncated | Recompute,
        readout: Readout,
        record: Record | None = None,
    ) -> Tensor:
        """Run trunk, `count` passes and head; returns what the readout takes."""
        x, kept = self._run_trunk(x, record)
        carry = self._initial_carry(x)
        logits = []
        for t in range(1, count + 1):
            arguments = (x, kept, carry, t, count, record)
            end = self.graph.section_end(t, count)
            state, carry = mode.one_pass(self._one_pass, self, arguments, t, end)
            if t >= self.graph.first_readout and readout.wants(t, count):
                logits.append(self._run_head(*state, t, record))
        return readout.join(logits)

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
        return run_network(self, x, stop, unrolls, readout, gradient)

    @property
    def stop(self) -> Stop | None:
        """The stopping rule of the spec; None for a fixed number of unrolls."""
        return stopping_rule(self.spec, self.graph)

    def _run_trunk(self, x: Tensor, record: Record | None) -> tuple[Tensor, Kept]:
        """Run what no loop touches; returns its output and what skips take from it."""
        if self.training and self.graph.weight_bound is not None:
            advance(self)
        kept, once = {INPUT: x}, Pass(1, None, record)
        send_skips(self, INPUT, x, kept, once)
        return run_chain(self, "trunk", x, kept, {}, once), kept

    def _initial_carry(self, x: Tensor) -> Carry:
        """Return what arrives before any signal: as many values for each edge as its delay."""
        edges = (*self.graph.loops, *self.graph.skips)
        carry = {e.name: (initial_signal(e, x),) * e.delay for e in edges if e.delay}
        carry |= {edge.name: (None,) for edge in self._ended}
        chain = self.graph.delays.items()
        return carry | {name: (initial_input(self.graph, name, x),) * n for name, n in chain}

    def _one_pass(
        self, x: Tensor, kept: Kept, carry: Carry, t: int, count: int | None, record: Record | None
    ) -> tuple[tuple[Tensor, Kept], Carry]:
        """Run the loopy section once; returns its state and the signals for later passes.

        Args:
            x: the trunk's output.
            kept: what skips took from the trunk.
            carry: by the name of a loop, a skip or the layer that a main-stack edge enters, what is
                under way there: as many values as the edge has delay, the next to arrive first;
                None for an absent one, and for one that nobody will read.
            t: the unroll, from 1.
            count: unrolls of the whole run; None for a run of unknown length. See `Pass`.
            record: as for a call.

        Returns:
            The section's output (None before unroll `graph.first_readout`) with what the head's
            skips read, and the carry for pass t + 1.
        """
        now = Pass(t, count, record)
        arriving = {name: queue[0] for name, queue in carry.items()}
        stood = {edge.source: arriving[edge.name] for edge in self._ended}
        kept = {**kept, **{name: x for name, x in stood.items() if x is not None}}
        x = run_chain(self, "body", x, kept, arriving, now)
        leaving = leave(self, kept, carry, now)
        return (x, kept), {name: (*queue[1:], leaving[name]) for name, queue in carry.items()}

    def _run_head(self, x: Tensor, kept: Kept, t: int, record: Record | None) -> Tensor:
        """Run what follows the loops; returns the logits [N, classes] of pass t."""
        kept, now = dict(kept), Pass(t, None, record)
        for edge in self.graph.skips:
            if edge.section == "head" and edge.source in kept:
                kept[edge.name] = signal(self, edge, kept[edge.source], now)
        return run_chain(self, "head", x, kept, {}, now)

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

    def compile_layers(self, what: Compiled = "layers") -> LoopyNet:
        """Run compiled in training mode from now on; returns self. Copies do the same.

        Evaluation, `trace` and explaining are not compiled. Each batch size is compiled for itself.

        Args:
            what: layers: what lies between two merges as one piece, once for all unrolls; whole:
                all unrolls in one piece, for small steps of few unrolls (the time to compile grows
                with them; gradient modes other than Full run as with nothing); or nothing.
        """
        self._compiled = what
        return self

    def untie(self) -> LoopyNet:
        """Return an untied network with the same values: each unroll gets copies of its own.

        The copy computes the same function; the gradients of a tied weight's copies sum to its own
        (the paper's dW_i = sum_j dW_ij).
        """
        with torch.random.fork_rng(devices=[]):  # the weights that are drawn are replaced
            copy = LoopyNet(untied_spec(self.spec))
        copy.to(next(iter(self.parameters()), torch.empty(0)))
        values = untied_state(copy.state_dict(), self.state_dict(), self.layers, self.graph.shared)
        copy.load_state_dict(values)
        return copy.train(self.training)

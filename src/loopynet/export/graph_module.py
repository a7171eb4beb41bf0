"""The unrolled network as a graph of torch.fx, with readable code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from torch import Tensor, fx, nn

from loopynet.errors import LoopyNetError
from loopynet.network import LoopyNet, Readout
from loopynet.network.checks import check_unrolls
from loopynet.network.edge import Fit
from loopynet.network.layer import Layer
from loopynet.network.readout import as_readout

META = "loopynet"
"""The key of a node's metadata that names the activation that it is part of: "conv_1@2"."""


def to_fx(
    net: LoopyNet,
    unrolls: int | None = None,
    readout: Readout | Literal["last", "each"] | None = None,
) -> fx.GraphModule:
    """Return the unrolled network as a torch.fx.GraphModule: one line of code for each operation.

    Its parameters and buffers are the network's own, not copies, under the same names. It is fixed
    to the mode (training or evaluation) that the network is in, keeps the full gradient, and takes
    batches of any size. The bounds of `unroll.contract` stay as they are while the graph trains.

    Args:
        net: the network.
        unrolls: passes through the loopy section; the spec's `unroll.steps` if None.
        readout: Last() or Each(), or the word for it; the spec's if None.

    Returns:
        A module that maps inputs [N, *net.graph.input_shape] to what the network gives. Each node's
        `meta["loopynet"]` names what it computes a part of, as `trace` does: "conv_1@2", a merge
        "feedback@2", what arrives there "feedback.signal@2"; a weight has its layer's name. The
        variable `conv_1_at_2` of the code is the activation conv_1@2.

    Raises:
        LoopyNetError: no LoopyNet, or an impossible number of unrolls.
    """
    if not isinstance(net, LoopyNet):
        raise LoopyNetError(
            f"to_fx takes a LoopyNet, and got {type(net).__name__}; use to_program for a model "
            "with added loops"
        )
    count = check_unrolls(net.graph, unrolls)
    tracer = _Tracer(net)
    root = _Unrolled(net, count, as_readout(readout or net.graph.readout), tracer.enter)
    graph = _named(tracer.trace(root))
    graph.lint()
    return fx.GraphModule(root, graph, "Unrolled")


class _Unrolled(nn.Module):
    """The calls of a network's forward, each part told of before it runs.

    It is a module of its own because a network drops its options when it meets a proxy.
    """

    def __init__(
        self, net: LoopyNet, count: int, readout: Readout, enter: Callable[[str, int], None]
    ) -> None:
        super().__init__()
        self.layers, self.fits, self.merges = net.layers, net.fits, net.merges
        self.train(net.training)
        self._run = partial(_run, net, count, readout, enter)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self._run(x)


def _run(
    net: LoopyNet, count: int, readout: Readout, enter: Callable[[str, int], None], x: Tensor
) -> Tensor:
    """Return the logits of `count` passes; enter(part, unroll) is called on the way."""
    enter("input", 1)
    x, kept = net._run_trunk(x, _ignore)
    enter("initial", 1)
    carry = net._initial_carry(x)
    logits = []
    for t in range(1, count + 1):
        enter("body", t)
        state, carry = net._one_pass(x, kept, carry, t, count, _ignore)
        if t >= net.graph.first_readout and readout.wants(t, count):
            logits.append(net._run_head(*state, t, _ignore))
    enter("logits", count)
    return readout.join(logits)


def _ignore(name: str, value: Tensor) -> None:
    """Record nothing; a call that is recorded runs its layers one by one, not compiled."""


class _Tracer(fx.Tracer):
    """Notes in each node which activation it belongs to.

    Args:
        net: the network that is traced.
    """

    proxy_buffer_attributes = True  # running statistics are read when the graph runs, not now

    def __init__(self, net: LoopyNet) -> None:
        super().__init__()
        edges = net.graph.edges
        self._delays = {edge.name: edge.delay for edge in edges}
        first = net.graph.timetable.first
        self._first = {edge.name: first.get(edge.target, 1) for edge in edges}
        self._part, self._t = "input", 1

    def enter(self, part: str, t: int) -> None:
        """Say what runs from now on."""
        self._part, self._t = part, t

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Trace a module; a layer, a fit or a merge names the nodes in it."""
        kind, _, name = self.path_of_module(m).partition(".")
        if "." in name or kind not in ("layers", "fits", "merges"):
            return super().call_module(m, forward, args, kwargs)
        before = self._part, self._t
        name, _, copy = name.partition("@")
        if isinstance(m, Layer):
            self._t = args[1]
        elif isinstance(m, Fit):
            self._t = max(self._t + self._delays[name], self._first[name])
            name = f"{name}.signal"
        elif copy:
            self._t = int(copy)
        if kind == "merges" and args[1].node.meta[META].startswith("body@"):  # a damped signal
            args[1].node.meta[META] = f"{name}.signal@{self._t}"
        self._part = name
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self._part, self._t = before

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        """Return a new node, with its metadata."""
        node = super().create_node(*args, **kwargs)
        if node.op != "get_attr":
            node.meta[META] = f"{self._part}@{self._t}"
            return node
        # A weight, which the unrolls share: of this part, or of the layer that it has it from.
        kind, name = str(node.target).split(".")[:2]
        node.meta[META] = name.partition("@")[0] if kind == "layers" else self._part
        return node


def _named(graph: fx.Graph) -> fx.Graph:
    """Return the graph with variables that are called as what they hold."""
    left = Counter(node.meta[META] for node in graph.nodes if node.op != "output")
    named, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    for node in graph.nodes:
        left[node.meta[META]] -= 1
        copy = named.create_node(
            node.op,
            node.target,
            fx.map_arg(node.args, copies.__getitem__),
            fx.map_arg(node.kwargs, copies.__getitem__),
            name=_name(node, last=not left[node.meta[META]]),
        )
        copy.meta, copies[node] = dict(node.meta), copy
    return named


def _name(node: fx.Node, *, last: bool) -> str:
    """Return a node's variable: conv_1_at_2, or conv_1_at_2_op for what leads to it."""
    if node.op in ("placeholder", "output"):
        return str(node.name)
    name = node.meta[META].replace(".", "_").replace("@", "_at_")
    target = node.target if isinstance(node.target, str) else node.target.__name__
    return name if last and node.op != "get_attr" else f"{name}_{target.rpartition('.')[2]}"

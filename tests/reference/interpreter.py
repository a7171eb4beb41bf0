"""A second, independent evaluator of network documents, written from their meaning alone.

It knows no graph and no modules: only the document (what the YAML holds), tensors by their
state-dict keys, and the recursive definition of a layer's value at pass t. It is slow and plain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Document = Mapping[str, Any]
WEIGHTED = {"conv2d", "conv_transpose2d", "dense"}


class Interpreter:
    """Evaluates one document once.

    Args:
        document: the network.
        tensors: parameters and buffers; training replaces the running statistics in it.
        x: the input [N, ...].
        training: whether batch norm uses the batch's statistics.
        initial_shapes: what the constant initial signal of a loop or skip, or of the main stack's
            edge into a layer, is shaped like; each later signal is checked against it.
    """

    def __init__(
        self,
        document: Document,
        tensors: dict[str, Tensor],
        x: Tensor,
        *,
        training: bool,
        initial_shapes: Mapping[str, tuple[int, ...]],
        unrolls: int | None = None,
    ) -> None:
        self.document, self.tensors, self.x, self.training = document, tensors, x, training
        self.initial_shapes = initial_shapes
        self.main = list(document["main"])
        sections = document.get("unroll", {}).get("sections", [])
        trained = document.get("unroll", {}).get("steps", sum(sections) or 1)
        self.loops = document.get("loops", {}) if trained > 1 else {}
        self.skips = document.get("skips", {})
        self.steps = (unrolls or trained) if self.loops else 1
        self.first = min((self.main.index(e["to"]) for e in self.loops.values()), default=10**6)
        self.last = max((self.main.index(e["from"]) for e in self.loops.values()), default=10**6)
        unroll = document.get("unroll", {})
        self.usual = 1 if unroll.get("schedule") == "parallel" else 0
        self.delays = unroll.get("delays", {})
        self.zeros = unroll.get("initial", "absent") == "zero"
        self.spans = self._spans(sections) if self.loops else []
        self.values: dict[tuple[str, int], Tensor] = {}
        self.trace: dict[str, Tensor] = {}
        self.updates: list[tuple[int, str, str, float, Tensor]] = []
        self.trained = self._demanded(trained if self.loops else 1)

    def logits(self, readout: str) -> Tensor:
        """Return [N, classes] of the last pass, or [passes, N, classes] of each that has any."""
        given = []
        for t in range(1, self.steps + 1):
            for name in self._read(t):
                self.value(name, t)
            if self.there(self.main[-1], t) and (readout == "each" or t == self.steps):
                given.append(self.value(self.main[-1], t))
        for t, key, name, momentum, new in sorted(self.updates, key=lambda update: update[0]):
            rows = self.tensors[key].clone()
            row = self._row(name, t, len(rows))
            rows[row] = (1 - momentum) * rows[row] + momentum * new.detach()
            self.tensors[key] = rows
        return torch.stack(given) if readout == "each" else given[-1]

    def inside(self, name: str) -> bool:
        """Say whether a layer is one of those that run at every pass."""
        return name != "input" and self.first <= self.main.index(name) <= self.last

    def _spans(self, passes: list[int]) -> list[tuple[range, int, int]]:
        """Return the places of each section's layers in main, and its first and last pass."""
        touched: set[int] = set()  # places p for which a loop spans both p and p + 1
        ends: set[int] = set()
        for loop in self.loops.values():
            first, last = self.main.index(loop["to"]), self.main.index(loop["from"])
            touched |= set(range(first, last))
            ends |= set(range(first, last + 1))
        starts = sorted(p for p in ends if p - 1 not in touched)
        stops = sorted(p for p in ends if p not in touched)
        found, t = [], 0
        for start, stop, count in zip(starts, stops, passes, strict=bool(passes)):
            found.append((range(start, stop + 1), t + 1, t + count))
            t += count
        return found

    def window(self, name: str) -> tuple[int, int]:
        """Return the first and the last pass at which a layer of several sections runs."""
        for places, first, last in reversed(self.spans):
            if self.main.index(name) >= places[0]:
                end = 10**6 if last == self.spans[-1][2] else last
                return (first if self.main.index(name) in places else last), end
        return 1, 10**6

    def before(self, name: str) -> bool:
        """Say whether a layer is below all loops, so that it runs once."""
        return name == "input" or self.main.index(name) < self.first

    def chain_delay(self, name: str) -> int:
        """Return how many passes ago the layer below gave what enters this one."""
        inner = self.inside(name) and self.main.index(name) > self.first
        return self.delays.get(name, self.usual) if inner else 0

    def there(self, name: str, t: int) -> bool:
        """Say whether a layer has an output at pass t."""
        if self.spans and self.inside(name):
            return t >= self.window(name)[0]
        if self.before(name) or self.main.index(name) == self.first:
            return t >= 1
        if self.zeros and self.inside(name):
            return t >= 1
        return self.there(self.main[self.main.index(name) - 1], t - self.chain_delay(name))

    def sent(self, edge: Document, t: int) -> int:
        """Return at which pass the signal left its source that a loop or skip gives at pass t."""
        if self.before(edge["from"]):
            return 1
        if self.inside(edge["from"]) and self.inside(edge["to"]):
            usual = (
                1 if self.main.index(edge["to"]) <= self.main.index(edge["from"]) else self.usual
            )
            delay = edge.get("delay")
            sent = t - (usual if delay is None else delay)
            return min(sent, self.window(edge["from"])[1])
        return t

    def shares(self, edge: Document, t: int) -> list[int]:
        """Return the passes whose signals have a share in what arrives at pass t."""
        sent = self.sent(edge, t)
        damped = edge.get("damping", 1) < 1  # then all earlier signals have one
        times = range(1 if damped else sent, sent + 1)
        return [s for s in times if self.there(edge["from"], s)]

    def into(self, name: str) -> list[tuple[str, Document]]:
        """Return the edges that end at a layer, in the order in which they merge."""
        edges = [*self.skips.items(), *self.loops.items()]
        return [(edge_name, edge) for edge_name, edge in edges if edge["to"] == name]

    def _read(self, t: int) -> list[str]:
        """Return the layers whose outputs at pass t are what logits are made of."""
        if not self.loops or not self.there(self.main[self.last], t):
            return []
        over = [
            e["from"]
            for e in self.skips.values()
            if self.inside(e["from"]) and self.main.index(e["to"]) > self.last
        ]
        return [self.main[self.last], *over]

    def _demanded(self, steps: int) -> dict[str, list[int]]:
        """Return the passes at which logits need each layer, in a network read at every pass."""
        found: dict[str, set[int]] = {}

        def demand(name: str, t: int) -> None:
            t = 1 if name != "input" and self.before(name) else t
            t = min(t, self.window(name)[1]) if name != "input" and self.inside(name) else t
            if name == "input" or t in found.setdefault(name, set()):
                return
            found[name].add(t)
            place = self.main.index(name)
            below, sent = self.main[place - 1] if place else "input", t - self.chain_delay(name)
            if place and self.there(below, sent):
                demand(below, sent)
            for _, edge in self.into(name):
                for sent in self.shares(edge, t):
                    demand(edge["from"], sent)
                    for layer in edge.get("through", ()):
                        found.setdefault(layer, set()).add(sent)

        for t in range(1, steps + 1):
            for name in self._read(t):
                demand(name, t)
            last = steps if self.document.get("readout", "last") == "last" else t
            if t == last and self.there(self.main[-1], t):
                demand(self.main[-1], t)
        return {name: sorted(times) for name, times in found.items()}

    def value(self, name: str, t: int) -> Tensor:
        """Return a main layer's output at pass t; before the loops there is one pass only."""
        if name == "input":
            return self.x
        place = self.main.index(name)
        t = 1 if place < self.first else t
        t = min(t, self.window(name)[1]) if self.inside(name) else t  # the last output stands
        if (name, t) not in self.values:
            below, sent = self.main[place - 1] if place else "input", t - self.chain_delay(name)
            if self.there(below, sent):
                x = self.value(below, sent)
                assert tuple(x.shape[1:]) == tuple(self.initial_shapes.get(name, x.shape[1:]))
            else:
                x = self.x.new_zeros(len(self.x), *self.initial_shapes[name])
            for edge_name, edge in self.into(name):
                signal = self._arriving(edge_name, edge, x, t)
                if signal is not None:
                    x = self._merged(edge_name, edge, x, signal, t)
            self.values[name, t] = self._layer(name, x, t)
        return self.values[name, t]

    def _arriving(self, name: str, edge: Document, x: Tensor, t: int) -> Tensor | None:
        """Return the signal sent some passes ago, or what stands for it before the first."""
        sent = self.sent(edge, t)
        if self.there(edge["from"], sent):
            if (name, sent) not in self.values:  # that of a layer before the loops is computed once
                signal = self._signal(name, edge, x, sent)
                share = edge.get("damping", 1)
                before = self._arriving(name, edge, x, t - 1) if share < 1 else None
                if before is not None:
                    signal = share * signal + (1 - share) * before
                self.values[name, sent] = signal
            signal = self.values[name, sent]
            assert tuple(signal.shape[1:]) == tuple(self.initial_shapes[name])
            return signal
        concat = edge.get("merge") == "concat"
        initial = edge.get("initial") or ("zero" if concat else "absent")
        if name in self.skips and self.zeros:
            initial = "zero"
        if initial == "absent":
            return None
        shape = (x.shape[0], *self.initial_shapes[name])
        return torch.full(shape, {"zero": 0.0, "one": 1.0}[initial], dtype=x.dtype)

    def _signal(self, name: str, edge: Document, x: Tensor, t: int) -> Tensor:
        """Return the source's output at pass t, through the edge's layers, fitted to x."""
        signal = self.value(edge["from"], t)
        for layer in edge.get("through", ()):
            signal = self._layer(layer, signal, t)
        same_size = signal.shape[2:] == x.shape[2:] and signal.dim() == x.dim()
        same_channels = edge.get("merge") == "concat" or signal.shape[1:2] == x.shape[1:2]
        if same_size and same_channels:
            return signal
        if edge["fit"] == "resize":
            return _resized(signal, x)
        if edge["fit"] == "pad":
            return _padded(signal, x, x.shape[1] if edge.get("merge") != "concat" else None)
        assert edge["fit"] == "project"
        weight, bias = self._pick("fits", name, t, "weight"), self._pick("fits", name, t, "bias")
        assert weight is not None
        assert bias is not None
        if x.dim() == 4 and signal.dim() == 4:
            mixed = torch.einsum("oi,nihw->nohw", weight[:, :, 0, 0], signal)
            mixed = mixed + bias[:, None, None]
            return mixed if same_size else _resized(mixed, x)
        mixed = signal.flatten(1) @ weight.T + bias
        return mixed if x.dim() == 2 else mixed[:, :, None, None] + torch.zeros_like(x[:, :1])

    def _merged(self, name: str, edge: Document, x: Tensor, signal: Tensor, t: int) -> Tensor:
        merge = edge.get("merge", "sum")
        if merge == "gate":
            weight = self._pick("merges", name, t, "weight")
            bias = self._pick("merges", name, t, "bias")
            assert weight is not None
            assert bias is not None
            both = torch.cat((x, signal), 1)
            gate = torch.einsum("oi,ni...->no...", weight.flatten(1), both)
            gate = torch.sigmoid(gate + bias.view(-1, *[1] * (x.dim() - 2)))
            merged = x + gate * signal
        else:
            merged = JOINS[merge](x, signal)
        self.trace[f"{name}@{t if self.main.index(edge['to']) >= self.first else 1}"] = merged
        return merged

    def _layer(self, name: str, x: Tensor, t: int) -> Tensor:
        options = self.document["layers"][name]
        x = OPERATIONS[options["type"]](self, name, options, x, t)
        x = self._normalized(name, options, x, t)
        x = self._activated(name, options, x, t)
        self.trace[f"{name}@{t}"] = x
        return x

    def _normalized(self, name: str, options: Document, x: Tensor, t: int) -> Tensor:
        norm: Any = {"type": "none"}
        if options["type"] == "norm":
            norm = {**options, "type": options.get("kind", "batch")}
        elif "norm" in options:
            norm = options["norm"]
        elif options["type"] in WEIGHTED and name != self.main[-1]:
            norm = self.document.get("norm", norm)
        norm = {"type": norm} if isinstance(norm, str) else norm
        if norm["type"] == "none":
            return x
        scale = self._set("weight", name, t)
        shift = self._set("bias", name, t)
        wide = [1, -1, *[1] * (x.dim() - 2)]
        eps, over = norm.get("eps", 1e-5), [0, *range(2, x.dim())]
        if norm["type"] == "batch":
            if self.training:
                mean, variance = x.mean(over), x.var(over, unbiased=False)
                self._update(name, t, norm.get("momentum", 0.1), mean, x.var(over, unbiased=True))
            else:
                mean, variance = (
                    self._set("running_mean", name, t),
                    self._set("running_var", name, t),
                )
            x = (x - mean.view(wide)) / (variance.view(wide) + eps).sqrt()
        else:
            groups = 1 if norm["type"] == "layer" else norm.get("groups") or _groups(x[0])
            grouped = x.reshape(x.shape[0], groups, -1)
            mean = grouped.mean(2, keepdim=True)
            variance = (grouped - mean).square().mean(2, keepdim=True)
            x = ((grouped - mean) / (variance + eps).sqrt()).reshape(x.shape)
        return x * scale.view(wide) + shift.view(wide)

    def _update(self, name: str, t: int, momentum: float, mean: Tensor, variance: Tensor) -> None:
        """Note new statistics; they move in the order of passes, whatever is asked for first."""
        for key, new in (("running_mean", mean), ("running_var", variance)):
            found = self._key("layers", name, t, f"norm.{key}")
            assert found is not None
            self.updates.append((t, found, name, momentum, new))

    def _set(self, key: str, name: str, t: int) -> Tensor:
        """Return the norm's numbers of pass t."""
        rows = self._pick("layers", name, t, f"norm.{key}")
        assert rows is not None
        return rows[self._row(name, t, len(rows))]

    def _row(self, name: str, t: int, rows: int) -> int:
        """Return which numbers serve pass t: those of the last pass up to t that was trained."""
        sooner = [s for s in self.trained[name] if s <= t]
        return min(max(len(sooner), 1), rows) - 1

    def _activated(self, name: str, options: Document, x: Tensor, t: int) -> Tensor:
        activation = options.get("activation", "linear")
        given = {"type": activation} if isinstance(activation, str) else dict(activation)
        kind = given.pop("type")
        if kind == "prelu":
            slope = self._pick("layers", name, t, "activation.weight")
            assert slope is not None
            return torch.where(x > 0, x, slope * x)
        return ACTIVATIONS[kind](x, **given)

    def _key(self, home: str, name: str, t: int, end: str) -> str | None:
        """Return the state-dict key that ends so: of the copy for pass t, or of the tied layer."""
        for start in (f"{home}.{name}@{t}.", f"{home}.{name}."):
            for key in self.tensors:
                if key.startswith(start) and key.endswith(f".{end}"):
                    return key
        return None

    def _pick(self, home: str, name: str, t: int, end: str) -> Tensor | None:
        key = self._key(home, name, t, end)
        return None if key is None else self.tensors[key]

    def op(self, name: str, t: int, end: str) -> Tensor | None:
        """Return an operation's weight or bias, whatever module inside `op` holds it.

        A layer that has none uses those of the layer that it names.
        """
        owner = self.document["layers"][name].get("weights_of", name)
        for start in (f"layers.{name}@{t}.op.", f"layers.{name}.op.", f"layers.{owner}.op."):
            for key, value in self.tensors.items():
                if key.startswith(start) and key.endswith(end):
                    return value
        return None


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def _padded(x: Tensor, like: Tensor, channels: int | None) -> Tensor:
    """Positions 0, s, 2s, ... on each axis; the channels that x lacks are zeros."""
    for axis in range(2, x.dim()):
        n, m = x.shape[axis], like.shape[axis]
        step = next(s for s in range(1, n + 1) if len(range(0, n, s)) == m)
        x = x.index_select(axis, torch.arange(0, n, step))
    shape = (x.shape[0], channels or x.shape[1], *x.shape[2:])
    full = torch.zeros(shape, dtype=x.dtype)
    full[:, : x.shape[1]] = x
    return full


def _groups(sample: Tensor) -> int:
    """The largest number of groups up to 32 in which no value stands alone."""
    channels = len(sample)
    divisors = [n for n in range(1, min(channels, 32) + 1) if channels % n == 0]
    return max([n for n in divisors if sample.numel() > n] or [1])


def _two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _conv(net: Interpreter, name: str, options: Document, x: Tensor, t: int) -> Tensor:
    weight, bias = net.op(name, t, "weight"), net.op(name, t, "bias")
    assert weight is not None
    stride, dilation = _two(options.get("stride", 1)), _two(options.get("dilation", 1))
    padding = options.get("padding", "same")
    sides: list[int] = []
    for axis in (1, 0):
        span = dilation[axis] * (weight.shape[2 + axis] - 1) + 1
        if padding == "same":
            positions = math.ceil(x.shape[2 + axis] / stride[axis])
            total = max((positions - 1) * stride[axis] + span - x.shape[2 + axis], 0)
            sides += [total // 2, total - total // 2]
        else:
            sides += [0, 0] if padding == "valid" else [_two(padding)[axis]] * 2
    groups = options.get("groups", 1)
    padded = functional.pad(x, sides)
    return functional.conv2d(padded, weight, bias, stride, 0, dilation, groups)


def _conv_transpose(net: Interpreter, name: str, options: Document, x: Tensor, t: int) -> Tensor:
    weight, bias = net.op(name, t, "weight"), net.op(name, t, "bias")
    assert weight is not None
    stride, dilation = _two(options.get("stride", 1)), _two(options.get("dilation", 1))
    padding = options.get("padding", "same")
    groups = options.get("groups", 1)
    full = functional.conv_transpose2d(x, weight, None, stride, 0, 0, groups, dilation)
    for axis in (0, 1):
        n = full.shape[2 + axis]
        if padding == "same":
            wanted = x.shape[2 + axis] * stride[axis]
            start = max(n - wanted, 0) // 2
            missing = max(wanted - n, 0)
            full = full.narrow(2 + axis, start, min(n, wanted))
            full = functional.pad(full, (0, missing) if axis else (0, 0, 0, missing))
        elif padding != "valid":
            crop = _two(padding)[axis]
            full = full.narrow(2 + axis, crop, n - 2 * crop)
    return full if bias is None else full + bias[:, None, None]


def _pool(net: Interpreter, name: str, options: Document, x: Tensor, t: int) -> Tensor:
    size = _two(options.get("size", 2))
    stride = _two(options.get("stride") or size)
    padding = options.get("padding", "valid")
    sides: list[int] = []
    for axis in (1, 0):
        if padding == "same":
            n = x.shape[2 + axis]
            total = (math.ceil(n / stride[axis]) - 1) * stride[axis] + size[axis] - n
            sides += [max(total, 0) // 2, max(total, 0) - max(total, 0) // 2]
        else:
            sides += [0, 0] if padding == "valid" else [_two(padding)[axis]] * 2
    if options.get("mode", "max") == "max":
        lowest = functional.pad(x, sides, value=-math.inf)
        return functional.max_pool2d(lowest, size, stride)
    inside = functional.pad(torch.ones_like(x), sides)
    padded = functional.pad(x, sides)
    counts = functional.avg_pool2d(inside, size, stride)
    return functional.avg_pool2d(padded, size, stride) / counts


def _global_pool(net: Interpreter, name: str, options: Document, x: Tensor, t: int) -> Tensor:
    flat = x.flatten(2)
    return flat.max(2).values if options.get("mode") == "max" else flat.mean(2)


def _upsample(net: Interpreter, name: str, options: Document, x: Tensor, t: int) -> Tensor:
    down, across = _two(options.get("scale", 2))
    if options.get("mode", "nearest") == "nearest":
        return x.repeat_interleave(down, 2).repeat_interleave(across, 3)
    size = (x.shape[2] * down, x.shape[3] * across)
    return functional.interpolate(x, size, mode=options["mode"], align_corners=False)


def _dense(net: Interpreter, name: str, options: Document, x: Tensor, t: int) -> Tensor:
    weight, bias = net.op(name, t, "weight"), net.op(name, t, "bias")
    assert weight is not None
    product = x.reshape(x.shape[0], -1) @ weight.T
    return product if bias is None else product + bias


def _maxout(net: Interpreter, name: str, options: Document, x: Tensor, t: int) -> Tensor:
    pieces = options.get("pieces", 2)
    return torch.stack([x[:, i::pieces] for i in range(pieces)]).amax(0)


def _local_response_norm(
    net: Interpreter, name: str, options: Document, x: Tensor, t: int
) -> Tensor:
    n, k = options.get("size", 5), options.get("k", 1.0)
    squares = functional.pad(x.square(), (0, 0, 0, 0, n // 2, (n - 1) // 2))
    total = torch.stack([squares[:, i : i + x.shape[1]] for i in range(n)]).sum(0)
    return x / (k + options.get("alpha", 1e-4) / n * total) ** options.get("beta", 0.75)


def _unchanged(net: Interpreter, name: str, options: Document, x: Tensor, t: int) -> Tensor:
    return x


OPERATIONS = {
    "conv2d": _conv,
    "conv_transpose2d": _conv_transpose,
    "pool2d": _pool,
    "global_pool": _global_pool,
    "upsample": _upsample,
    "dense": _dense,
    "maxout": _maxout,
    "local_response_norm": _local_response_norm,
    "flatten": lambda net, name, options, x, t: x.reshape(len(x), -1),
    "dropout": _unchanged,  # evaluation, or a rate of 0
    "norm": _unchanged,
    "identity": _unchanged,
    "scale": lambda net, name, options, x, t: options.get("factor", 1) * x,
}
JOINS = {
    "sum": lambda x, f: x + f,
    "mul": lambda x, f: x * f,
    "mean": lambda x, f: 0.5 * x + 0.5 * f,
    "max": torch.maximum,
    "concat": lambda x, f: torch.cat((x, f), 1),
    "replace": lambda x, f: f,
    "modulate": lambda x, f: x * (1 + f),
    "gain": lambda x, f: x + x * torch.tanh(f),
}
ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: x.clamp(min=0),
    "tanh": torch.tanh,
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "leaky_relu": lambda x, negative_slope: torch.where(x > 0, x, negative_slope * x),
    "elu": lambda x, alpha: torch.where(x > 0, x, alpha * (torch.exp(x.clamp(max=0)) - 1)),
    "softplus": functional.softplus,
}

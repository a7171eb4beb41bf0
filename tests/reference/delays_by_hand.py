"""Three networks with delays, each written out step by step in plain PyTorch functions.

Nothing of loopynet is used but the keys of the state dict. Every function returns the logits of
each step that has any, and fills a mapping with all activations by name ("conv_1@2").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from reference.handwritten import Norm, normalize


class Parts:
    """The layers of a network by name; what they give is noted.

    Args:
        tensors: weights and statistics; training changes the statistics in place.
        norm: what normalizes the convolutions.
        training: whether batch norm uses the batch's statistics.
    """

    def __init__(self, tensors: dict[str, Tensor], norm: Norm, training: bool) -> None:
        self.tensors, self.norm, self.training = tensors, norm, training
        self.trace: dict[str, Tensor] = {}

    def note(self, name: str, t: int, value: Tensor) -> Tensor:
        self.trace[f"{name}@{t}"] = value
        return value

    def conv(self, name: str, x: Tensor, t: int, run: int) -> Tensor:
        """Return tanh of a normalized 3x3 convolution; `run` counts the layer's runs from 1."""
        weight, bias = (
            self.tensors[f"layers.{name}.op.weight"],
            self.tensors[f"layers.{name}.op.bias"],
        )
        h = functional.conv2d(x, weight, bias, padding=1)
        h = normalize(self.norm, h, name, run, self.tensors, self.training)
        return self.note(name, t, torch.tanh(h))

    def dense(self, name: str, x: Tensor, t: int) -> Tensor:
        weight, bias = (
            self.tensors[f"layers.{name}.op.weight"],
            self.tensors[f"layers.{name}.op.bias"],
        )
        return self.note(name, t, functional.linear(x.flatten(1), weight, bias))

    def project(self, name: str, x: Tensor) -> Tensor:
        weight, bias = (
            self.tensors[f"fits.{name}.op.mix.weight"],
            self.tensors[f"fits.{name}.op.mix.bias"],
        )
        return functional.conv2d(x, weight, bias)


ORDER = """
name: order
input: {shape: [2, 5, 4]}
templates: {conv: {type: conv2d, activation: tanh}}
layers:
  stem: {template: conv, filters: 3}
  a: {template: conv, filters: 4}
  b: {template: conv, filters: 4}
  c: {template: conv, filters: 3}
  neck: {template: conv, filters: 3}
  fc: {type: dense, units: 3}
main: [stem, a, b, c, neck, fc]
loops:
  back: {from: c, to: a}
  slow: {from: b, to: b, merge: mul, delay: 2, initial: one}
skips:
  over: {from: a, to: c, merge: concat}
unroll: {steps: 6, schedule: parallel}
readout: each
"""


def order(x: Tensor, parts: Parts) -> Tensor:
    """The pure parallel order: each of a, b and c reads what the others gave a step before."""
    x = parts.conv("stem", x, 1, 1)
    a: dict[int, Tensor] = {}
    b: dict[int, Tensor] = {}
    c: dict[int, Tensor] = {}
    logits = []
    for t in range(1, 7):
        if t <= 5:  # what a gives at step 6 nobody reads any more
            into_a = parts.note("back", t, x + c[t - 1]) if t >= 4 else x
            a[t] = parts.conv("a", into_a, t, t)
        if 2 <= t <= 5:
            slow = b[t - 2] if t >= 4 else torch.ones_like(a[t - 1])
            b[t] = parts.conv("b", parts.note("slow", t, a[t - 1] * slow), t, t - 1)
        if t >= 3:
            both = parts.note("over", t, torch.cat((b[t - 1], a[t - 1]), 1))
            c[t] = parts.conv("c", both, t, t - 2)
            logits.append(parts.dense("fc", parts.conv("neck", c[t], t, t - 2), t))
    return torch.stack(logits)


AREAS = """
name: areas
input: {shape: [2, 5, 4]}
templates: {conv: {type: conv2d, filters: 4, activation: tanh}}
layers:
  v1_in: {template: conv}
  v1: {template: conv}
  v2_in: {template: conv}
  v2: {template: conv}
  v4_in: {template: conv}
  v4: {template: conv}
  fc: {type: dense, units: 3}
main: [v1_in, v1, v2_in, v2, v4_in, v4, fc]
loops:
  state_1: {from: v1, to: v1, initial: zero}
  state_2: {from: v2, to: v2, initial: zero}
  state_4: {from: v4, to: v4, initial: zero}
unroll: {steps: 5, schedule: parallel, delays: {v2_in: 0, v4_in: 0}, initial: zero}
readout: each
"""


def areas(x: Tensor, parts: Parts) -> Tensor:
    """Areas of two layers, as in CORnet-RT: one takes its input in, the other one has a state."""
    drive = parts.conv("v1_in", x, 1, 1)
    nothing = torch.zeros_like(drive)
    v1, v2_in, v2, v4_in, v4 = (nothing,) * 5
    logits = []
    for t in range(1, 6):
        before_2, before_4 = v2_in, v4_in
        if t <= 3:
            v1 = parts.conv("v1", parts.note("state_1", t, drive + v1), t, t)
            v2_in = parts.conv("v2_in", v1, t, t)
        if t <= 4:
            v2 = parts.conv("v2", parts.note("state_2", t, before_2 + v2), t, t)
            v4_in = parts.conv("v4_in", v2, t, t)
        v4 = parts.conv("v4", parts.note("state_4", t, before_4 + v4), t, t)
        logits.append(parts.dense("fc", v4, t))
    return torch.stack(logits)


MIXED = """
name: mixed
input: {shape: [2, 5, 4]}
templates: {conv: {type: conv2d, activation: tanh}}
layers:
  a: {template: conv, filters: 4}
  b: {template: conv, filters: 3}
  c: {template: conv, filters: 4}
  way: {template: conv, filters: 2}
  fc: {type: dense, units: 3}
main: [a, b, c, fc]
loops:
  back: {from: b, to: a, through: [way]}
  far: {from: c, to: a, fit: project, delay: 2, initial: zero, merge: modulate}
skips:
  late: {from: a, to: c, delay: 3, fit: project, merge: max}
  out: {from: a, to: fc, fit: project, merge: gate}
unroll: {steps: 6, delays: {b: 2}}
readout: each
"""


def mixed(x: Tensor, parts: Parts) -> Tensor:
    """The sequential order with a delay of 2 in the middle of the main stack."""
    a: dict[int, Tensor] = {}
    b: dict[int, Tensor] = {}
    c: dict[int, Tensor] = {}
    logits = []
    for t in range(1, 7):
        into = x
        if t >= 4:  # b first runs at step 3
            into = parts.note("back", t, x + parts.conv("way", b[t - 1], t - 1, t - 3))
        far = parts.project("far", c[t - 2]) if t >= 5 else torch.zeros_like(x)
        a[t] = parts.conv("a", parts.note("far", t, into + into * far), t, t)
        if t >= 3:
            b[t] = parts.conv("b", a[t - 2], t, t - 2)
            into_c = b[t]
            if t >= 4:
                late = parts.project("late", a[t - 3])
                into_c = parts.note("late", t, torch.maximum(b[t], late))
            c[t] = parts.conv("c", into_c, t, t - 2)
            signal = a[t]  # it fits, so that there is no projection
            weight = parts.tensors["merges.out.op.weigh.weight"]
            bias = parts.tensors["merges.out.op.weigh.bias"]
            gate = torch.sigmoid(functional.conv2d(torch.cat((c[t], signal), 1), weight, bias))
            out = parts.note("out", t, c[t] + gate * signal)
            logits.append(parts.dense("fc", out, t))
    return torch.stack(logits)


NETWORKS = {"order": (ORDER, order), "areas": (AREAS, areas), "mixed": (MIXED, mixed)}

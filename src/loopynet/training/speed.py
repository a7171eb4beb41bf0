"""What makes training fast, chosen by device and length of the run, each choice with its reason.

None of it changes what is computed but for the order of sums: results agree to rounding.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.optim import Optimizer

from loopynet.graph import Graph, costs
from loopynet.network import Compiled, LoopyNet
from loopynet.parts.optimizers import optimizers
from loopynet.spec import NetworkSpec
from loopynet.training.allocator import keep_freed_memory, keeps_memory

WORTH_COMPILING = 300.0
"""Estimated seconds of training from which compiling is done; it takes up to a minute itself."""

LEAST_STEP = 5e9
"""Operations of a training step on a CPU from which compiled layers are faster: below, calling them
costs what they save, and only all of them in one piece are."""

MOST_UNROLLS = 4
"""Unrolls up to which that is done: the time to compile them grows with their number."""

RATES = {"cpu": 1e11, "cuda": 1e13, "mps": 1e12}
"""Round numbers of operations in a second, for that estimate only: the same on every machine, so
that a run that is continued elsewhere is continued alike."""

COMPILED: dict[bool | str, Compiled] = {
    False: "nothing",
    True: "layers",
    "layers": "layers",
    "whole": "whole",
}
"""What `training.speed.compile` compiles."""

BACKWARD = 3
"""A training step computes about three times what a forward pass does."""


@dataclass(frozen=True)
class Decision:
    """A choice and why.

    Attributes:
        value: what was chosen.
        reason: in a few words.
    """

    value: bool | str
    reason: str


Speed = dict[str, Decision]
"""The choices by the keys of the spec's `training.speed`, and `float32_products`."""


def decide(spec: NetworkSpec, graph: Graph, device: torch.device, images: int) -> Speed:
    """Return what a run will use.

    Args:
        spec: the network and its training.
        graph: the same, resolved.
        device: where it is trained.
        images: training images of an epoch.
    """
    wanted, kind = spec.training.speed, device.type
    seconds = estimated_seconds(spec, graph, images, kind)
    auto = {
        "layout": _layout(graph),
        "compile": _compile(spec, graph, seconds, kind),
        "fused_optimizer": _fused(kind),
        "tf32": Decision(kind == "cuda", "products of float32 in TF32 on CUDA only"),
        "keep_memory": _keep_memory(kind),
    }
    asked = wanted.model_dump()
    return {
        key: choice if asked[key] == "auto" else Decision(asked[key], "asked for")
        for key, choice in auto.items()
    }


def prepare(net: LoopyNet, speed: Speed) -> None:
    """Make a network and this process ready to train as decided.

    The layout of the weights, compiled layers, the C library's memory and float32 products; the
    optimizer is made by `build_optimizer`.
    """
    if speed["layout"].value == "channels_last":
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if speed["keep_memory"].value:
        keep_freed_memory()
    if speed["tf32"].value:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
    net.compile_layers(COMPILED[speed["compile"].value])


def build_optimizer(net: LoopyNet, fused: bool) -> Optimizer:
    """Return the optimizer of a network's training section, fused if it can be and shall be."""
    options = net.spec.training
    optimizer: Optimizer = optimizers.call(
        options.optimizer, parameter_groups(net), options.learning_rate
    )
    if fused:
        fuse(optimizer)
    return optimizer


def parameter_groups(net: LoopyNet) -> list[dict[str, Any]]:
    """Return the parameters in groups, if biases and the numbers of norms are dealt with otherwise.

    `training.decay: weights` does not shrink them: that takes away what they are there for and does
    not make the network simpler. Muon knows them as plain: they are no matrices, even where a norm
    has a row for each unroll.
    """
    named = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    other: dict[str, Any] = {"weight_decay": 0.0} if net.spec.training.decay == "weights" else {}
    if net.spec.training.optimizer.name == "muon":
        other["plain"] = True
    if not other:
        return [{"params": [p for _, p in named]}]
    kept = [name.rpartition(".")[2] == "bias" or ".norm." in name for name, _ in named]
    groups = {
        keep: [p for (_, p), k in zip(named, kept, strict=True) if k is keep]
        for keep in (False, True)
    }
    rest = [{"params": groups[True], **other}] if groups[True] else []
    return [{"params": groups[False]}, *rest]


def fuse(optimizer: Optimizer) -> None:
    """Let an optimizer change all weights in one piece of work, if it knows how."""
    for group in optimizer.param_groups:
        if "fused" in group and not group.get("differentiable"):
            group["fused"], group["foreach"] = True, False


def plain(speed: Speed) -> dict[str, Any]:
    """Return the choices as JSON-able data."""
    return {key: {"value": one.value, "reason": one.reason} for key, one in speed.items()}


def estimated_seconds(
    spec: NetworkSpec, graph: Graph, images: int, kind: Literal["cpu", "cuda", "mps"] | str
) -> float:
    """Return a rough estimate of the training time, from its arithmetic alone."""
    operations = _operations(graph) * images * spec.training.epochs
    return operations / RATES.get(kind, RATES["cpu"])


def _operations(graph: Graph) -> int:
    """Return what a training step computes for one image."""
    return 2 * BACKWARD * costs(graph).multiply_adds


def _layout(graph: Graph) -> Decision:
    if len(graph.input_shape) == 3:
        return Decision("channels_last", "convolutions of images are faster so")
    return Decision("contiguous", "the inputs are vectors")


def _compile(spec: NetworkSpec, graph: Graph, seconds: float, kind: str) -> Decision:
    if seconds < WORTH_COMPILING:
        return Decision(False, f"a run of about {seconds:.0f} s does not pay compiling back")
    if spec.unroll.until == "converged":
        return Decision(False, "samples leave the batch as they converge: no size stays")
    if kind == "mps":
        return Decision(False, "not tried on this kind of device")
    if kind == "cpu" and not has_compiler():
        return Decision(False, "no C++ compiler was found (g++ or clang++, or CXX)")
    if kind == "cpu" and _operations(graph) * spec.training.step_images < LEAST_STEP:
        return _compile_small(spec, graph)
    return Decision("layers", f"a run of about {seconds:.0f} s pays compiling back")


def _compile_small(spec: NetworkSpec, graph: Graph) -> Decision:
    """Decide for a step whose arithmetic takes no longer than calling compiled layers does."""
    training = spec.training
    plain = training.gradient.name == "full" and training.unrolls.name == "fixed"
    if plain and graph.steps <= MOST_UNROLLS:
        return Decision("whole", "a small step of few unrolls is fastest in one piece")
    return Decision(False, "a step is so small that calling compiled layers would not pay")


def _fused(kind: str) -> Decision:
    return Decision(kind in ("cpu", "cuda"), "torch has fused optimizers for CPU and CUDA")


def _keep_memory(kind: str) -> Decision:
    if kind != "cpu":
        return Decision(False, "tensors lie on the device")
    if not keeps_memory():
        return Decision(False, "the C library is not glibc")
    return Decision(True, "glibc would return large tensors to the system at every step")


def has_compiler() -> bool:
    """Say whether there is a C++ compiler, which compiling for a CPU needs."""
    names = [os.environ.get("CXX", ""), "g++", "clang++"]
    return any(name and shutil.which(name) for name in names)

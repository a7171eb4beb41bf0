"""One training step on random images, outside of Lightning: what is timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from loopynet.graph import Graph
from loopynet.network import LoopyNet
from loopynet.network.loss import loss_over_time
from loopynet.training.speed import build_optimizer, decide, prepare


def random_batch(graph: Graph, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the same images [size, *input_shape] and labels, [size] or maps, each time."""
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(size, *graph.input_shape, generator=draws)
    classes, *grid = graph.output_shape
    labels = torch.randint(classes, (size, *grid), generator=draws)
    return images.to(device), labels.to(device)


def make_fast(net: LoopyNet, device: torch.device, images: int) -> Optimizer:
    """Do with a network what training does before its first step, and return its optimizer.

    Args:
        net: the network, on the device.
        device: where it is trained.
        images: how many there are to train on; a long run is compiled.
    """
    speed = decide(net.spec, net.graph, device, images)
    prepare(net, speed)
    return build_optimizer(net, bool(speed["fused_optimizer"].value))


def training_step(
    net: Callable[[Tensor], Tensor],
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
    steps: Literal["last", "all"] | Sequence[float] = "last",
) -> Callable[[], None]:
    """Return a function that does one step: forward, loss, backward, optimizer.

    Args:
        net: gives logits for images.
        optimizer: of its parameters.
        images: [N, ...].
        labels: class numbers [N].
        steps: which unrolls the loss counts; see `loss_over_time`.
    """

    def step() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(loss_over_time(net(images), labels, steps))
        optimizer.step()

    return step


def wait(device: torch.device) -> None:
    """Return when everything that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

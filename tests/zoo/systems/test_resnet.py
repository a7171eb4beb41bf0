"""ResNet-20 against its equations (He et al. 2016, sections 3.2 to 3.4 and 4.2)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from loopynet import LoopyNet, build_graph, load_spec
from loopynet.graph import costs

WIDTHS = (16, 32, 64)
BLOCKS = [f"{stage}{number}" for stage in "abc" for number in (1, 2, 3)]


def test_the_published_number_of_parameters() -> None:
    convolutions, channels, before = 3 * 16 * 9, 16, 16
    for width in WIDTHS:
        convolutions += 9 * (before * width + 5 * width * width)
        channels, before = channels + 6 * width, width
    assert convolutions + 2 * channels + 64 * 10 + 10 == 269_722
    assert costs(build_graph(load_spec("resnet"))).parameters == 269_722


class Reference:
    """The forward pass with the weights of a network; keeps what each block gives."""

    def __init__(self, state: dict[str, Tensor], training: bool) -> None:
        self.state, self.training = state, training
        self.blocks: dict[str, Tensor] = {}

    def normalized(self, name: str, x: Tensor) -> Tensor:
        scale, shift, mean, variance = (
            self.state[f"layers.{name}.norm.{key}"][0][:, None, None]
            for key in ("weight", "bias", "running_mean", "running_var")
        )
        if self.training:
            mean = x.mean((0, 2, 3), keepdim=True)
            variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def convolved(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.state[f"layers.{name}.op.weight"]
        return self.normalized(name, functional.conv2d(x, weight, None, stride, 1))

    def shortcut(self, x: Tensor, like: Tensor) -> Tensor:
        """Option A: the identity; where the size halves, every other position and zeros."""
        step = x.shape[2] // like.shape[2]
        y = torch.zeros_like(like)
        y[:, : x.shape[1]] = x[:, :, ::step, ::step]
        return y

    def logits(self, x: Tensor) -> Tensor:
        x = self.convolved("conv_1", x).relu()
        for block in BLOCKS:
            first = block in ("b1", "c1")
            inner = self.convolved(f"{block}_1", x, 2 if first else 1).relu()
            change = self.convolved(f"{block}_2", inner)
            x = self.blocks[block] = (change + self.shortcut(x, change)).relu()
        dense = (self.state[f"layers.fc.op.{key}"] for key in ("weight", "bias"))
        return functional.linear(x.mean((2, 3)), *dense)


@pytest.mark.parametrize("training", [True, False])
def test_every_block_and_the_logits_equal_the_reference(training: bool) -> None:
    torch.manual_seed(0)
    net = LoopyNet(load_spec("resnet", ("input.shape=[3, 16, 16]",))).double()
    x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    net(x)  # moves the running statistics away from their start
    for name, value in net.named_parameters():
        if ".norm." in name:
            value.data.add_(0.3 * torch.randn_like(value))
    net.train(training)
    reference = Reference({key: value.clone() for key, value in net.state_dict().items()}, training)
    wanted = reference.logits(x)
    with torch.no_grad():
        trace = net.trace(x)
    torch.testing.assert_close(trace["fc@1"], wanted, rtol=1e-10, atol=1e-10)
    for block in BLOCKS:
        found = trace[f"{block}@1"]
        torch.testing.assert_close(found, reference.blocks[block], rtol=1e-10, atol=1e-10)

"""resnet-tied against its equations, and against resnet with copies of the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from loopynet import LoopyNet, build_graph, load_spec
from loopynet.graph import costs

PASSES = {"a": 3, "b": 2, "c": 2}
FIRST = {"a": 0, "b": 3, "c": 5}
"""Unrolls before those of a stage."""
SMALL = ("input.shape=[3, 16, 16]",)


def test_parameters_and_arithmetic() -> None:
    ours, plain = (costs(build_graph(load_spec(name))) for name in ("resnet-tied", "resnet"))
    saved = 2 * 2 * 9 * 16**2 + 2 * 9 * 32**2 + 2 * 9 * 64**2  # two, one and one block fewer
    assert ours.parameters == plain.parameters - saved == 168_346
    assert ours.multiply_adds == plain.multiply_adds


class Reference:
    """The forward pass with the weights of a network; keeps the state after each pass."""

    def __init__(self, state: dict[str, Tensor], training: bool) -> None:
        self.state, self.training = state, training
        self.states: dict[str, list[Tensor]] = {}

    def convolved(self, name: str, x: Tensor, t: int = 0, stride: int = 1) -> Tensor:
        """Convolution, then the norm's t-th set of numbers."""
        x = functional.conv2d(x, self.state[f"layers.{name}.op.weight"], None, stride, 1)
        scale, shift, mean, variance = (
            self.state[f"layers.{name}.norm.{key}"][t][:, None, None]
            for key in ("weight", "bias", "running_mean", "running_var")
        )
        if self.training:
            mean = x.mean((0, 2, 3), keepdim=True)
            variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def halved(self, stage: str, x: Tensor) -> Tensor:
        """The block at the beginning of a stage, with zeros for new channels."""
        change = self.convolved(f"{stage}1_1", x, stride=2).relu()
        change = self.convolved(f"{stage}1_2", change)
        like = torch.zeros_like(change)
        like[:, : x.shape[1]] = x[:, :, ::2, ::2]
        return (change + like).relu()

    def logits(self, x: Tensor) -> Tensor:
        x = self.convolved("conv_1", x).relu()
        for stage, passes in PASSES.items():
            if stage != "a":
                x = self.halved(stage, x)
            self.states[stage] = []
            for t in range(passes):
                change = self.convolved(f"{stage}_1", x, t).relu()
                x = (x + self.convolved(f"{stage}_2", change, t)).relu()
                self.states[stage].append(x)
        dense = (self.state[f"layers.fc.op.{key}"] for key in ("weight", "bias"))
        return functional.linear(x.mean((2, 3)), *dense)


@pytest.fixture
def net() -> LoopyNet:
    torch.manual_seed(0)
    net = LoopyNet(load_spec("resnet-tied", SMALL)).double()
    net(torch.randn(4, 3, 16, 16, dtype=torch.float64))  # moves the running statistics
    for name, value in net.named_parameters():
        if ".norm." in name:
            value.data.add_(0.3 * torch.randn_like(value))
    return net


@pytest.mark.parametrize("training", [True, False])
def test_every_state_and_the_logits_equal_the_reference(net: LoopyNet, training: bool) -> None:
    x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    net.train(training)
    reference = Reference({key: value.clone() for key, value in net.state_dict().items()}, training)
    wanted = reference.logits(x)
    with torch.no_grad():
        trace = net.trace(x)
    torch.testing.assert_close(trace["fc@7"], wanted, rtol=1e-10, atol=1e-10)
    for stage, states in reference.states.items():
        for t, state in enumerate(states, start=FIRST[stage] + 1):
            torch.testing.assert_close(trace[f"{stage}@{t}"], state, rtol=1e-10, atol=1e-10)


def test_a_residual_network_with_copies_of_the_weights_is_the_same(net: LoopyNet) -> None:
    plain = LoopyNet(load_spec("resnet", SMALL)).double()
    passes = {"a1": 0, "a2": 1, "a3": 2, "b2": 0, "b3": 1, "c2": 0, "c3": 1}
    ours, copied = net.state_dict(), {}
    for key, wanted in plain.state_dict().items():
        home, name, rest = key.split(".", 2)
        block, _, place = name.partition("_")
        tied = f"{block[0]}_{place}" if block in passes else name
        value = ours[f"{home}.{tied}.{rest}"]
        t = passes.get(block, 0)
        copied[key] = value[t : t + 1] if ".norm." in key else value
        assert copied[key].shape == wanted.shape
    plain.load_state_dict(copied)
    x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(plain.eval()(x), net.eval()(x), rtol=1e-10, atol=1e-10)

"""dasnet against its equations: gains from the means of the pass before, every pass."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from loopynet import LoopyNet, load_spec
from loopynet.training.frozen import freeze

OWN_LOOK = {1: "look_12", 2: "look_23", 3: "look_31"}
OWN_ACT = {1: "act_11", 2: "act_12", 3: "act_13"}
SMALL = ("layers.conv_1.filters=8", "layers.conv_2.filters=12", "layers.conv_3.filters=12",
         "layers.fc_1.units=20", *(f"layers.{name}.filters={n}" for names, n in (
             (("act_11", "act_21", "act_31"), 4), (("act_12", "act_22", "act_32"), 6),
             (("act_13", "act_23", "act_33"), 6)) for name in names))  # fmt: skip


def maxout(x: Tensor, pieces: int) -> Tensor:
    return x.unflatten(1, (-1, pieces)).amax(2)


class Reference:
    """The maxout network with a policy of two matrices for each layer."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def op(self, name: str) -> tuple[Tensor, Tensor]:
        return self.state[f"layers.{name}.op.weight"], self.state[f"layers.{name}.op.bias"]

    def gains(self, means: dict[int, Tensor], j: int) -> Tensor:
        """Return the product of 1 + tanh(A_j L_i m_i + b_j) over the layers i, [N, C]."""
        act, bias = self.op(OWN_ACT[j])
        product = torch.ones(1, dtype=act.dtype)
        for i, mean in means.items():
            look = self.state[f"layers.{OWN_LOOK[i]}.op.weight"].flatten(1)
            product = product * (1 + torch.tanh(mean @ look.T @ act.flatten(1).T + bias))
        return product

    def one_pass(
        self, image: Tensor, before: dict[int, Tensor]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        x, means = image, {}
        for i, (padding, window, step) in {1: (4, 4, 2), 2: (3, 4, 2), 3: (3, 2, 2)}.items():
            x = maxout(functional.conv2d(x, *self.op(f"conv_{i}"), padding=padding), 2)
            if before:
                x = x * self.gains(before, i)[:, :, None, None]
            means[i] = x.mean((2, 3))
            x = functional.max_pool2d(x, window, step, padding=1)
        hidden = maxout(functional.linear(x.flatten(1), *self.op("fc_1")), 5)
        return functional.linear(hidden, *self.op("fc_2")), means


def network() -> LoopyNet:
    torch.manual_seed(0)
    net = LoopyNet(load_spec("dasnet", SMALL)).double().eval()
    for name in OWN_ACT.values():
        for value in net.layers[name].parameters():
            value.data.normal_(std=0.3)
    return net


def test_every_pass_equals_the_reference() -> None:
    net, x = network(), torch.randn(3, 3, 32, 32, dtype=torch.float64)
    reference = Reference(net.state_dict())
    logits, means = net(x), {}
    assert len(logits) == 3
    for t in range(3):
        wanted, means = reference.one_pass(x, means)
        torch.testing.assert_close(logits[t], wanted, rtol=1e-10, atol=1e-10)
    assert (logits[0] - logits[2]).abs().max() > 0.01


def test_it_begins_as_the_maxout_network_that_it_looks_at() -> None:
    net = LoopyNet(load_spec("dasnet", SMALL)).double().eval()
    sizes = tuple(change for change in SMALL if ".act_" not in change)
    plain = LoopyNet(load_spec("maxout-network", sizes)).double().eval()
    plain.load_state_dict({key: net.state_dict()[key] for key in plain.state_dict()})
    x = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    for logits in net(x):
        torch.testing.assert_close(logits, plain(x), rtol=1e-12, atol=1e-12)


def test_the_policy_alone_is_trained() -> None:
    net = LoopyNet(load_spec("dasnet"))
    freeze(net)
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    names = {*OWN_LOOK.values(), *OWN_ACT.values()}
    assert {name.split(".")[1] for name in trained} == names
    count = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert count == 8 * 160 + 8 * 160 + 160  # looks, acts, their biases

"""feedback-network against convolutional LSTMs written from their equations, at every iteration."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from loopynet import load_spec
from reference.values import random_net

GATES = {"in": "gate_in", "forget": "gate_forget", "out": "gate_out", "new": "new"}
SMALL = (
    "input.shape=[3,8,8]",
    "layers.stem.filters=4",
    "layers.classes.units=5",
    *(f"layers.{gate}_{n}.filters={2 + n}" for gate in GATES.values() for n in (1, 2)),
)


class ByHand:
    """The network's weights and statistics, and the layers that use them."""

    def __init__(self, w: dict[str, Tensor], training: bool) -> None:
        self.w, self.training = w, training

    def conv(self, name: str, x: Tensor, t: int) -> Tensor:
        at = f"layers.{name}"
        x = functional.conv2d(x, self.w[f"{at}.op.weight"], self.w[f"{at}.op.bias"], padding=1)
        row = min(t, len(self.w[f"{at}.norm.weight"]) - 1)
        mean, var, scale, shift = (
            self.w[f"{at}.norm.{key}"][row]
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean.clone(), var.clone(), scale, shift, self.training)

    def cell(
        self, n: int, x: Tensor, state: tuple[Tensor, Tensor] | None, t: int
    ) -> tuple[Tensor, Tensor]:
        """Return output H and memory C of one convolutional LSTM."""
        channels = self.w[f"layers.new_{n}.op.weight"].shape[0]
        nothing = x.new_zeros(len(x), channels, *x.shape[2:])
        h, c = (nothing, nothing) if state is None else state
        both = torch.cat((x, h), 1)
        let_in, forget, let_out = (
            self.conv(f"gate_{gate}_{n}", both, t).sigmoid() for gate in ("in", "forget", "out")
        )
        c = forget * c + let_in * self.conv(f"new_{n}", both, t).tanh()
        return let_out * c.tanh(), c


@pytest.mark.parametrize("training", [False, True])
def test_every_iteration_is_that_of_the_equations(training: bool) -> None:
    net = random_net(load_spec("feedback-network", SMALL)).double().train(training)
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    hand = ByHand({key: value.clone() for key, value in net.state_dict().items()}, training)
    stem = hand.conv("stem", x, 0).relu()
    first = second = None
    wanted = []
    for t in range(4):
        first = hand.cell(1, stem, first, t)
        second = hand.cell(2, functional.max_pool2d(first[0], 2), second, t)
        flat = functional.max_pool2d(second[0], 2).flatten(1)
        wanted.append(
            functional.linear(
                flat, hand.w["layers.classes.op.weight"], hand.w["layers.classes.op.bias"]
            )
        )
    torch.testing.assert_close(net(x), torch.stack(wanted), rtol=1e-10, atol=1e-10)

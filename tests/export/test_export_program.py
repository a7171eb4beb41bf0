"""A torch.export program computes what the network does, for batches of any size."""

from __future__ import annotations

import pytest
import torch
from small_nets import small_net
from torch import nn

from loopynet import Loop, LoopyNetError, add_loops
from loopynet.export import to_program
from loopynet.export.program import traceable


class Two(nn.Module):
    """A model of two inputs that returns a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x, other, *, scale=1.0):
        x = self.b(self.a(x).tanh()) + other
        return {"sum": x * scale, "parts": (x, other), "note": "text"}


def two() -> nn.Module:
    torch.manual_seed(0)
    return add_loops(Two(), [Loop(from_="b", to="a")], example=batch(), start="full")


def batch(n: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    return {name: torch.rand(n, 3, generator=generator) for name in ("x", "other")}


def test_a_network() -> None:
    net = small_net()
    module = to_program(net, unrolls=2, readout="each").module()
    net.float()
    for n in (1, 2, 5):
        x = torch.rand(n, 3, 6, 6)
        (logits,) = module(x)
        torch.testing.assert_close(logits, net(x, unrolls=2, readout="each"))


def test_the_network_stays_as_it_is() -> None:
    net = small_net().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    to_program(net)
    assert net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert next(net.parameters()).dtype == torch.float64


def test_a_model_with_several_inputs_and_outputs() -> None:
    net = two()
    module = to_program(net, unrolls=3, example={**batch(), "scale": 2.0}).module()
    for n in (1, 4):
        given = batch(n)
        found = module(*given.values())
        wanted = net(**given, unrolls=3, scale=2.0)
        for a, b in zip(found, (wanted["sum"], *wanted["parts"]), strict=True):
            torch.testing.assert_close(a, b)


def test_names() -> None:
    function = traceable(two(), example=batch())
    assert function.input_names == ("x", "other")
    assert function.output_names == ("sum", "parts_0", "parts_1")
    function = traceable(two(), example=tuple(batch().values()))
    assert function.input_names == ("x_1", "x_2")
    function = traceable(small_net())
    assert (function.input_names, function.output_names) == (("x",), ("logits",))


def test_what_is_refused() -> None:
    with pytest.raises(LoopyNetError, match="can be exported, not Linear"):
        to_program(nn.Linear(2, 2))  # type: ignore[arg-type]
    with pytest.raises(LoopyNetError, match="write example=images"):
        to_program(two())
    with pytest.raises(LoopyNetError, match=r"a batch of two or more.*begin with \[1\]"):
        to_program(two(), example=batch(1))
    with pytest.raises(LoopyNetError, match="whole number from 1 up"):
        to_program(small_net(), unrolls=0)
    with pytest.raises(LoopyNetError, match=r"takes inputs \[N, 3, 6, 6\]"):
        to_program(small_net(), example=torch.rand(2, 3, 5, 5))

"""blt and bl against a forward pass written from the paper's equations, step by step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from loopynet import build_graph, load_spec
from loopynet.graph import costs
from reference.values import random_net


@pytest.mark.parametrize(("name", "top_down"), [("bl", 0), ("blt", 32 * 32 * 9)])
def test_parameters_are_those_of_its_convolutions(name: str, top_down: int) -> None:
    bottom_up = (1 * 32 * 9 + 32) + (32 * 32 * 9 + 32)
    lateral = 2 * 32 * 32 * 9
    classes = 32 * 10 + 10
    wanted = bottom_up + lateral + top_down + classes
    assert costs(build_graph(load_spec(name))).parameters == wanted


def normalized(r: Tensor) -> Tensor:
    """Return r / (1 + 1e-4 * sum of r^2 over five neighboring channels)^0.5."""
    squares = functional.pad(r.square(), (0, 0, 0, 0, 2, 2))
    total = torch.stack([squares[:, i : i + r.shape[1]] for i in range(5)]).sum(0)
    return r / (1 + 1e-4 * total).sqrt()


def run_by_hand(x: Tensor, w: dict[str, Tensor], top_down: bool) -> list[Tensor]:
    """Return both layers' outputs and the logits of four steps."""

    def conv(name: str, y: Tensor) -> Tensor:
        at = f"layers.{name}.op"
        return functional.conv2d(y, w[f"{at}.weight"], w.get(f"{at}.bias"), padding=1)

    r1 = r2 = None
    found = []
    for _ in range(4):
        h1 = conv("conv_1", x)
        if r1 is not None and r2 is not None:
            h1 = h1 + conv("conv_lateral_1", r1)
            if top_down:
                weight = w[next(k for k in w if k.startswith("layers.conv_top_down."))]
                full = functional.conv_transpose2d(r2, weight, stride=2)
                h1 = h1 + full[:, :, : h1.shape[2], : h1.shape[3]]
        new = normalized(h1.relu())
        h2 = conv("conv_2", functional.max_pool2d(new, 2))
        if r2 is not None:
            h2 = h2 + conv("conv_lateral_2", r2)
        r1, r2 = new, normalized(h2.relu())
        logits = functional.linear(
            r2.amax((2, 3)), w["layers.classes.op.weight"], w["layers.classes.op.bias"]
        )
        found += [r1, r2, logits]
    return found


@pytest.mark.parametrize("name", ["bl", "blt"])
def test_every_step_is_that_of_the_equations(name: str) -> None:
    net = random_net(load_spec(name, ("input.shape=[1,8,8]",))).double()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    logits, seen = net(x), net.trace(x)
    wanted = run_by_hand(x, dict(net.state_dict()), top_down=name == "blt")
    for t in range(4):
        r1, r2, answer = wanted[3 * t : 3 * t + 3]
        for found, right in (
            (seen[f"response_1@{t + 1}"], r1),
            (seen[f"response_2@{t + 1}"], r2),
            (logits[t], answer),
        ):
            torch.testing.assert_close(found, right, rtol=1e-10, atol=1e-10)

"""cornet-rt against a forward pass written from the paper's equations, step by step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from loopynet import LoopyNet, build_graph, load_spec
from loopynet.graph import costs
from reference.values import random_net

AREAS = ("V1", "V2", "V4", "IT")
SMALL = (
    "input.shape=[3,64,64]",
    *(f"layers.{area}{end}.filters={n}" for area, n in zip(AREAS, (8, 12, 16, 20), strict=True)
      for end in ("", "_in")),
    "layers.decoder.units=7",
    "norm.groups=4",
)  # fmt: skip


def test_it_has_the_published_number_of_parameters() -> None:
    graph = build_graph(load_spec("cornet-rt"))
    assert costs(graph).parameters == 5_208_936
    assert [graph.shape_of(area) for area in AREAS] == [
        (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7),
    ]  # fmt: skip


def run_by_hand(x: Tensor, w: dict[str, Tensor], steps: int) -> list[dict[str, Tensor]]:
    """Return each area's output and the logits of every step."""

    def layer(name: str, y: Tensor, stride: int, padding: int) -> Tensor:
        at = f"layers.{name}"
        y = functional.conv2d(y, w[f"{at}.op.weight"], w.get(f"{at}.op.bias"), stride, padding)
        scale, shift = w[f"{at}.norm.weight"][0], w[f"{at}.norm.bias"][0]
        return functional.group_norm(y, 4, scale, shift).relu()

    def taken_in(area: str, outputs: dict[str, Tensor]) -> Tensor | None:
        if area == "V1":
            return layer("V1_in", x, 4, 3)
        below = outputs.get(AREAS[AREAS.index(area) - 1])
        return None if below is None else layer(f"{area}_in", below, 2, 1)

    size = {"V1": 16, "V2": 8, "V4": 4, "IT": 2}
    outputs: dict[str, Tensor] = {}
    found = []
    for _ in range(steps):
        new = {}
        for area in AREAS:
            signal = taken_in(area, outputs)
            if signal is None:  # nothing has reached the area yet
                channels = w[f"layers.{area}.op.weight"].shape[1]
                signal = x.new_zeros(len(x), channels, size[area], size[area])
            if area in outputs:
                signal = signal + outputs[area]
            new[area] = layer(area, signal, 1, 1)
        outputs = new
        logits = functional.linear(
            new["IT"].mean((2, 3)), w["layers.decoder.op.weight"], w["layers.decoder.op.bias"]
        )
        found.append({**new, "logits": logits})
    return found


def test_every_step_is_that_of_the_equations() -> None:
    net: LoopyNet = random_net(load_spec("cornet-rt", (*SMALL, "readout=each"))).double()
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    wanted = run_by_hand(x, dict(net.state_dict()), 5)
    logits, seen = net(x), net.trace(x)
    for t, step in enumerate(wanted, 1):
        torch.testing.assert_close(logits[t - 1], step["logits"], rtol=1e-10, atol=1e-10)
    compared = 0
    for name, value in seen.items():
        area, _, t = name.partition("@")
        if area in AREAS:
            torch.testing.assert_close(value, wanted[int(t) - 1][area], rtol=1e-10, atol=1e-10)
            compared += 1
    assert compared == 2 + 3 + 4 + 5  # what does not reach the logits in time is not computed
    assert not torch.allclose(wanted[0]["IT"], torch.zeros(()).double())  # zeros go through IT

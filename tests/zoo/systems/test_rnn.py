"""The simple recurrent network against its equations (Elman 1990)."""

from __future__ import annotations

import torch

from loopynet import Each, LoopyNet, build_graph, load_spec
from loopynet.graph import costs


def test_the_number_of_parameters() -> None:
    expected = 784 * 128 + 128 + 128 * 128 + 128 * 10 + 10
    assert costs(build_graph(load_spec("rnn"))).parameters == expected == 118_154


def test_states_and_answers_equal_the_reference() -> None:
    torch.manual_seed(0)
    net = LoopyNet(load_spec("rnn", ("unroll.steps=7",))).double()
    weights = {key: torch.randn_like(value) / 10 for key, value in net.state_dict().items()}
    net.load_state_dict(weights)
    w, b, u, v, c = (
        weights[f"layers.{key}"]
        for key in (
            "input_weights.op.weight", "input_weights.op.bias", "context.op.weight",
            "logits.op.weight", "logits.op.bias",
        )
    )  # fmt: skip
    x = torch.rand(5, 1, 28, 28, dtype=torch.float64)
    trace, answers = net.trace(x), net(x, readout=Each())
    h = torch.zeros(5, 128, dtype=torch.float64)
    for t in range(1, 8):
        h = torch.tanh(x.flatten(1) @ w.T + h @ u.T + b)
        torch.testing.assert_close(trace[f"hidden@{t}"], h, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(answers[t - 1], h @ v.T + c, rtol=1e-10, atol=1e-10)


def test_what_the_input_says_is_computed_once() -> None:
    graph = build_graph(load_spec("rnn"))
    assert (graph.trunk, graph.body, graph.head) == (("input_weights",), ("hidden",), ("logits",))
    assert graph.layers["context"].runs == graph.steps - 1

"""rcnn against a forward pass written from the paper's equations, every state of every layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from loopynet import LoopyNet, build_graph, load_spec
from loopynet.graph import costs
from reference.values import assert_all_close, gradients, random_net, weighed


def widths(k: int) -> tuple[str, ...]:
    return (
        f"templates.conv.filters={k}",
        f"templates.recurrent.filters={k}",
        f"templates.lrn.size={k // 8 + 1}",
    )


@pytest.mark.parametrize(("k", "published"), [(96, 0.67), (128, 1.19), (160, 1.86)])
def test_it_has_the_published_number_of_parameters(k: int, published: float) -> None:
    graph = build_graph(load_spec("rcnn", widths(k)))
    first = 5 * 5 * 3 * k + k
    recurrent_layer = 2 * 3 * 3 * k * k + k  # feed-forward and recurrent, one bias
    wanted = first + 4 * recurrent_layer + 10 * k + 10
    assert costs(graph).parameters == wanted
    assert round(wanted / 1e6, 2) == published


def test_each_layer_is_unrolled_to_its_end() -> None:
    graph = build_graph(load_spec("rcnn"))
    times = {name: graph.layer_times(node) for name, node in graph.layers.items()}
    assert [times[f"x_{i}"] for i in range(2, 6)] == [
        (1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16),
    ]  # fmt: skip
    assert [times[f"recurrent_{i}"][-1] for i in range(2, 6)] == [3, 7, 11, 15]
    assert [len(times[f"conv_{i}"]) for i in range(1, 6)] == [1, 1, 1, 1, 1]
    k, maps = 96, {2: 16 * 16, 3: 16 * 16, 4: 8 * 8, 5: 8 * 8}
    convolutions = 32 * 32 * 25 * 3 * k + sum(4 * n * 9 * k * k for n in maps.values())
    assert costs(graph).multiply_adds == convolutions + 10 * k


def lrn(x: Tensor, n: int) -> Tensor:
    """Return x / (1 + 0.001 / n * sum of x^2 over n neighboring channels)^0.75."""
    squares = functional.pad(x.square(), (0, 0, 0, 0, n // 2, (n - 1) // 2))
    total = torch.stack([squares[:, i : i + x.shape[1]] for i in range(n)]).sum(0)
    return x / (1 + 0.001 / n * total) ** 0.75


def pooled(x: Tensor) -> Tensor:
    """Return maxima of 3x3 positions, every second one: 32x32 become 16x16."""
    return functional.max_pool2d(functional.pad(x, (0, 1, 0, 1), value=-torch.inf), 3, 2)


def run_by_hand(x: Tensor, w: dict[str, Tensor], n: int) -> tuple[dict[str, Tensor], Tensor]:
    """Return the states by layer and iteration, and the logits."""

    def conv(name: str, y: Tensor) -> Tensor:
        weight, bias = w[f"layers.{name}.op.weight"], w.get(f"layers.{name}.op.bias")
        return functional.conv2d(y, weight, bias, padding="same")

    u = pooled(conv("conv_1", x).relu())
    states, t = {}, 0
    for i in range(2, 6):
        driven = conv(f"conv_{i}", u)
        state = lrn(driven.relu(), n)
        states[f"x_{i}@{(t := t + 1)}"] = state
        for _ in range(3):
            state = lrn((driven + conv(f"recurrent_{i}", state)).relu(), n)
            states[f"x_{i}@{(t := t + 1)}"] = state
        u = pooled(state) if i == 3 else state
    weight, bias = w["layers.classes.op.weight"], w["layers.classes.op.bias"]
    return states, functional.linear(u.amax((2, 3)), weight, bias)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_every_state_and_gradient_is_that_of_the_equations(training: bool) -> None:
    changes = (*widths(16), "templates.drop.rate=0", "input.shape=[3,16,16]")
    net = random_net(load_spec("rcnn", changes)).double().train(training)
    w = {key: value.detach().clone().requires_grad_() for key, value in net.named_parameters()}
    x = 3 * torch.randn(2, 3, 16, 16, dtype=torch.float64)
    states, wanted = run_by_hand(x, w, 3)
    told: dict[str, Tensor] = {}
    logits = net(x, record=told.__setitem__)
    torch.testing.assert_close(logits, wanted, rtol=1e-10, atol=1e-10)
    assert len(states) == 16
    for name, state in states.items():
        torch.testing.assert_close(told[name], state, rtol=1e-10, atol=1e-10)
    weighed(wanted).backward()
    weighed(logits).backward()
    assert_all_close(gradients(net), {key: value.grad for key, value in w.items()}, 1e-10)


@pytest.mark.parametrize("k", [96, 128, 160])
def test_every_state_at_the_published_widths(k: int) -> None:
    torch.manual_seed(0)
    net = LoopyNet(load_spec("rcnn", widths(k))).double().eval()
    x = 50 * torch.randn(1, 3, 32, 32, dtype=torch.float64)  # pixels about their mean
    with torch.no_grad():
        states, wanted = run_by_hand(x, dict(net.named_parameters()), k // 8 + 1)
        trace = net.trace(x)
    torch.testing.assert_close(trace["classes@16"], wanted, rtol=1e-10, atol=1e-10)
    assert len(states) == 16
    for name, state in states.items():
        torch.testing.assert_close(trace[name], state, rtol=1e-10, atol=1e-10)
    changes = [(states[f"x_2@{t}"] - states[f"x_2@{t + 1}"]).norm() for t in (1, 2, 3)]
    # Each state is another one than that of the pass before, by far more than the tolerance.
    assert min(changes) > 1e-4 * states["x_2@4"].norm()

"""Networks with random values, and comparison of tensors by their keys."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from loopynet import LoopyNet, NetworkSpec


def random_net(spec: NetworkSpec, seed: int = 0) -> LoopyNet:
    """Return a network in float64 whose every number is random, norms and biases included."""
    torch.manual_seed(seed)
    net = LoopyNet(spec).double()
    with torch.no_grad():
        for key, value in (*net.named_parameters(), *net.named_buffers()):
            if key.endswith(("norm.weight", "running_var")):
                value.uniform_(0.5, 1.5)
            elif value.dim() < 2 or ".norm." in key:
                value.uniform_(-0.5, 0.5)
    return net


def random_input(net: LoopyNet, batch: int = 3, seed: int = 1) -> Tensor:
    """Return normal inputs [batch, *input_shape] in float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((batch, *net.graph.input_shape), generator=generator, dtype=torch.float64)


def weighed(logits: Tensor) -> Tensor:
    """Return one number in which every logit has a weight of its own."""
    weights = torch.linspace(-1.0, 1.0, logits.numel(), dtype=logits.dtype) + 0.3
    return (weights * logits.reshape(-1)).sum()


def gradients(net: LoopyNet) -> dict[str, Tensor]:
    """Return every parameter's gradient, zeros where there is none."""
    named = net.named_parameters()
    return {k: torch.zeros_like(p) if p.grad is None else p.grad for k, p in named}


def assert_close(actual: Tensor, wanted: Tensor, what: str, tolerance: float = 1e-10) -> None:
    """Fail if values differ by more than `tolerance` of the largest of them (and of 1)."""
    assert actual.shape == wanted.shape, what
    largest = max(1.0, wanted.abs().max().item() if wanted.numel() else 0.0)
    difference = (actual - wanted).abs().max().item() if wanted.numel() else 0.0
    assert difference <= tolerance * largest, f"{what} differs by {difference} of {largest}"


def assert_all_close(
    actual: Mapping[str, Tensor], wanted: Mapping[str, Tensor], tolerance: float = 1e-10
) -> None:
    """Fail if keys differ, or the values of any key."""
    assert set(actual) == set(wanted)
    for key in wanted:
        assert_close(actual[key], wanted[key], key, tolerance)

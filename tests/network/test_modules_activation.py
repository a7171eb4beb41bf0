"""Activations that PyTorch lacks."""

import math

import torch

from loopynet.modules.activation import Exponential


def test_exponential():
    x = torch.tensor([[-1.0, 0.0, 2.0]], dtype=torch.float64)
    wanted = torch.tensor([[math.exp(-1), 1.0, math.exp(2)]], dtype=torch.float64)
    assert torch.allclose(Exponential()(x), wanted, rtol=1e-15)

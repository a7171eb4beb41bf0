"""Activations that PyTorch lacks."""

import math

import torch

from loopynet.modules.activation import Atanh, Exponential


def test_exponential():
    x = torch.tensor([[-1.0, 0.0, 2.0]], dtype=torch.float64)
    wanted = torch.tensor([[math.exp(-1), 1.0, math.exp(2)]], dtype=torch.float64)
    assert torch.allclose(Exponential()(x), wanted, rtol=1e-15)


def test_atanh_undoes_tanh_and_is_finite_beyond():
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    assert torch.allclose(Atanh()(x.tanh()), x, rtol=1e-12)
    for dtype, largest in ((torch.float32, 8.3), (torch.float64, 18.4)):
        far = torch.tensor([-5.0, -1.0, 1.0, 5.0], dtype=dtype, requires_grad=True)
        y = Atanh()(far)
        assert y.isfinite().all()
        assert math.isclose(y[-1].item(), largest, rel_tol=0.01)
        y.sum().backward()
        assert far.grad.isfinite().all()

"""Convolutions with and without batch norm, led back by one linear map."""

import itertools

import pytest
import torch
from torch import nn

from loopynet.explain.rules import Rules

SHAPES = list(itertools.product((1, 2), (0, 1, 3), (1, 2), (1, 2)))


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "norm"])
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), SHAPES)
def test_gradients(stride, padding, dilation, groups, norm):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, 3, stride, padding, dilation, groups).double().requires_grad_(False)
    after = nn.BatchNorm2d(6).double().requires_grad_(False).eval() if norm else nn.Identity()
    if norm:
        for value in (after.weight, after.bias, after.running_mean, after.running_var):
            value.uniform_(0.3, 2)
    x = torch.randn(2, 4, 8, 7, dtype=torch.float64, requires_grad=True)
    wanted = after(conv(x)).tanh()
    g = torch.randn_like(wanted)
    with Rules("gradient") as rules:
        y = after(conv(x)).tanh()
    assert torch.equal(y, wanted)
    assert rules.last is not None
    assert rules.last.output is y
    (found,) = torch.autograd.grad(y, x, g, retain_graph=True)
    (plain,) = torch.autograd.grad(wanted, x, g, retain_graph=True)
    torch.testing.assert_close(found, plain, rtol=1e-12, atol=1e-12)
    if groups == 1:
        (start,) = torch.autograd.grad(y, rules.last.start, g)
        for f, each in zip((4, 1), rules.last.lead_back(start, [4, 1]), strict=True):
            (plain,) = torch.autograd.grad(wanted[:, f], x, g[:, f], retain_graph=True)
            torch.testing.assert_close(each, plain, rtol=1e-12, atol=1e-12)


def test_what_is_no_evaluation_runs_as_it_is():
    conv, norm = nn.Conv2d(2, 3, 3, padding="same"), nn.BatchNorm2d(3)
    x = torch.randn(2, 2, 5, 5, requires_grad=True)
    with Rules("gradient") as rules:
        norm(conv(x))  # weights that want gradients, the batch's statistics
    assert rules.last is None
    conv, norm = nn.Conv2d(2, 3, 3).requires_grad_(False), norm.requires_grad_(False)
    with Rules("gradient") as rules:
        y = norm(conv(x))
    assert rules.last.output is not y


def test_channels_that_mix_end_the_map():
    conv = nn.Conv2d(2, 4, 1).requires_grad_(False)
    x = torch.randn(2, 2, 5, 5, requires_grad=True)
    with Rules("gradient") as rules:
        y = conv(x).relu().softmax(1)
    assert rules.last.output is not y

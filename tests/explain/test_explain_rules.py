"""Every spelling of a rectifier follows the rule, and nothing else does."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from loopynet.explain.rules import Rules

SPELLINGS = {
    "functional.relu": functional.relu,
    "functional.relu inplace": lambda x: functional.relu(x, inplace=True),
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "functional.relu_": functional.relu_,
    "Tensor.relu": lambda x: x.relu(),
    "Tensor.relu_": lambda x: x.relu_(),
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU inplace": nn.ReLU(inplace=True),
    "clamp": lambda x: x.clamp(min=0),
    "clamp by place": lambda x: torch.clamp(x, 0),
    "clamp_min": lambda x: x.clamp_min(0),
    "clamp_min_": lambda x: x.clamp_min_(0.0),
    "clip": lambda x: torch.clip(x, min=0),
    "threshold": nn.Threshold(0, 0),
}
BOUNDED = {
    "functional.relu6": functional.relu6,
    "nn.ReLU6": nn.ReLU6(),
    "nn.ReLU6 inplace": nn.ReLU6(inplace=True),
    "clamp": lambda x: x.clamp(0, 6),
    "hardtanh": lambda x: functional.hardtanh(x, 0.0, 6.0),
}
OTHERS = {
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "clamp": lambda x: x.clamp(-1, 1),
    "hardtanh": functional.hardtanh,
    "threshold": lambda x: functional.threshold(x, 0.5, 0.1),
    "clamp by tensors": lambda x: torch.clamp(x, min=torch.zeros_like(x)),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
}
X = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0, 7.0, 8.0], dtype=torch.float64)
G = torch.tensor([3.0, -1.0, 2.0, -2.0, 4.0, 5.0, -5.0], dtype=torch.float64)


def back(rule, function):
    x = X.clone().requires_grad_()
    rules = Rules(rule)
    with rules:
        h = x * 1
        y = function(h)
        if y is h:
            h = y
    (found,) = torch.autograd.grad(y, x, G)
    return y.detach(), found, rules.rectifiers


@pytest.mark.parametrize("name", SPELLINGS)
def test_relu(name):
    for rule, wanted in (
        ("gradient", G * (X > 0)),
        ("guided_backprop", G * (X > 0) * (G > 0)),
        ("deconvnet", G * (G > 0)),
    ):
        y, found, count = back(rule, SPELLINGS[name])
        assert torch.equal(y, X * (X > 0))
        if rule == "gradient":  # torch.clamp passes the gradient at 0 itself, ReLU does not
            assert torch.equal(found[X != 0], wanted[X != 0])
        else:
            assert torch.equal(found, wanted)
            assert count == 1


@pytest.mark.parametrize("name", BOUNDED)
def test_relu6(name):
    y, found, count = back("guided_backprop", BOUNDED[name])
    assert torch.equal(y, X.clamp(0, 6))
    assert torch.equal(found, G * (X > 0) * (X < 6) * (G > 0))
    assert torch.equal(back("deconvnet", BOUNDED[name])[1], G * (G > 0))
    assert count == 1


@pytest.mark.parametrize("rule", ["guided_backprop", "deconvnet"])
@pytest.mark.parametrize("name", OTHERS)
def test_other_activations_are_derived(name, rule):
    x = X.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(OTHERS[name](x), x, G)
    _, found, count = back(rule, OTHERS[name])
    assert torch.equal(found, wanted)
    assert count == 0


def test_changes_in_place_are_seen_by_whoever_holds_the_tensor():
    x = X.clone().requires_grad_()
    with Rules("guided_backprop"):
        h = x * 1
        functional.relu(h, inplace=True)
        y = h * 2
    (found,) = torch.autograd.grad(y, x, G)
    assert torch.equal(found, 2 * G * (X > 0) * (G > 0))


def test_one_shared_module_and_a_function_are_the_same_in_a_loop_of_three():
    torch.manual_seed(0)
    linear, shared = nn.Linear(5, 5).double(), nn.ReLU()
    maps = []
    for relu in (shared, functional.relu, torch.relu):
        x = X[None, :5].clone().requires_grad_()
        with Rules("guided_backprop"):
            h = x
            for _ in range(3):
                h = relu(linear(h) + x)
        maps.append(torch.autograd.grad(h.sum(), x)[0])
    x = X[None, :5].clone().requires_grad_()
    h = x
    for _ in range(3):
        h = ByHand.apply(linear(h) + x)
    (wanted,) = torch.autograd.grad(h.sum(), x)
    assert wanted.abs().sum() > 0
    assert all(torch.allclose(each, wanted, rtol=1e-12, atol=0) for each in maps)


class ByHand(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * (x > 0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x > 0) * (gradient > 0)


def test_a_rule_ends_with_its_block():
    x = X.clone().requires_grad_()
    with Rules("guided_backprop"):
        functional.relu(x * 1)
    (found,) = torch.autograd.grad(functional.relu(x), x, G)
    assert torch.equal(found, G * (X > 0))

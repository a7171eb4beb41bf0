"""Each merge: its formula, its shape rule and what it fits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from loopynet.parts.merges import MergePart, merge, merges

shapes = st.tuples(st.integers(1, 4)) | st.tuples(*[st.integers(1, 4)] * 3)

FORMULAS = {
    "sum": lambda x, f: x + f,
    "mul": lambda x, f: x * f,
    "mean": lambda x, f: (x + f) / 2,
    "max": np.maximum,
    "replace": lambda x, f: f,
    "modulate": lambda x, f: x + x * f,
    "gain": lambda x, f: x * (1 + np.tanh(f)),
    "concat": lambda x, f: np.concatenate((x, f), 1),
}


@pytest.mark.parametrize("name", [name for name in merges.names() if name != "gate"])
@pytest.mark.parametrize("shape", [(3,), (3, 4, 5)])
def test_formula(name, shape):
    """A new merge needs its formula here; the gate's is tested with its module."""
    x, f = torch.randn(2, *shape).double(), torch.randn(2, *shape).double()
    joined = merges.get(name).build(shape)(x, f)
    assert np.allclose(joined.numpy(), FORMULAS[name](x.numpy(), f.numpy()), atol=1e-15)


@pytest.mark.parametrize("name", merges.names())
@pytest.mark.parametrize("shape", [(3,), (3, 4, 5)])
def test_contract(name, shape):
    torch.manual_seed(0)  # of 6 numbers, none may be the larger one: no gradient of max
    part = merges.get(name)
    join = part.build(shape)
    x = torch.randn(2, *shape, requires_grad=True)
    f = torch.randn(2, *shape, requires_grad=True)
    joined = join(x, f)
    assert tuple(joined.shape[1:]) == part.shape(shape, shape)
    numbers = sum(p.numel() for p in join.parameters()) if isinstance(join, nn.Module) else 0
    assert part.parameters(shape) == numbers
    assert part.doc
    joined.sum().backward()
    assert name == "replace" or x.grad.abs().sum() > 0
    assert f.grad.abs().sum() > 0


@pytest.mark.parametrize("name", merges.names())
def test_what_fits(name):
    part = merges.get(name)

    @given(x=shapes, signal=shapes)
    def check(x, signal):
        expected = x == signal
        if name == "concat":
            expected = len(x) == len(signal) and x[1:] == signal[1:]
        assert part.fits(x, signal) == expected
        if expected:
            joined = part.build(x)(torch.zeros(1, *x), torch.zeros(1, *signal))
            assert tuple(joined.shape[1:]) == part.shape(x, signal)

    check()


def test_parts_that_must_not_commute():
    x, f = torch.tensor([[2.0]]), torch.tensor([[0.5]])
    for name, value in {"modulate": 3.0, "gain": 2 * (1 + np.tanh(0.5)), "max": 2.0}.items():
        assert merges.get(name).build((1,))(x, f).item() == pytest.approx(value)


def test_a_merge_of_ones_own(monkeypatch):
    monkeypatch.setattr(merges, "_parts", dict(merges._parts))
    monkeypatch.setattr(merges, "_canonical", dict(merges._canonical))

    @merge("difference")
    def difference(x, signal):
        """x - f."""
        return x - signal

    part = merges.get("difference")
    assert isinstance(part, MergePart)
    assert part.doc == "x - f."
    assert part.build((1,)) is difference
    assert part.shape((2, 3, 3), (2, 3, 3)) == (2, 3, 3)
    assert not part.fits((2,), (3,))

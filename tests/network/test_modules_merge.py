"""Concatenation, the gate, and the fitting of signals, against their formulas."""

import pytest
import torch

from loopynet.modules.merge import Gate, Pad, Project, Resize, concat

torch.manual_seed(0)
X, F = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)


def test_concat_puts_the_signal_last():
    merged = concat(X, torch.ones(2, 1, 4, 4))
    assert merged.shape == (2, 4, 4, 4)
    assert torch.equal(merged[:, :3], X)
    assert torch.equal(merged[:, 3:], torch.ones(2, 1, 4, 4))


@pytest.mark.parametrize("shape", [(3, 4, 4), (3,)])
def test_gate_is_its_formula_at_every_position(shape):
    gate = Gate(shape)
    x, f = torch.randn(2, *shape), torch.randn(2, *shape)
    weight, bias = gate.weigh.weight.reshape(3, 6), gate.weigh.bias
    merged = gate(x, f)
    positions = [()] if len(shape) == 1 else [(i, j) for i in range(4) for j in range(4)]
    for place in positions:
        at = (slice(None), slice(None), *place)
        g = torch.sigmoid(torch.cat((x[at], f[at]), 1) @ weight.T + bias)
        assert torch.allclose(merged[at], x[at] + g * f[at], atol=1e-6)


def test_a_closed_gate_leaves_the_input_and_an_open_one_adds():
    gate = Gate((3, 4, 4))
    with torch.no_grad():
        gate.weigh.bias.fill_(-1e4)
        assert torch.equal(gate(X, F), X)
        gate.weigh.bias.fill_(1e4)
        assert torch.equal(gate(X, F), X + F)


def test_resize_interpolates_and_keeps_constants():
    assert torch.equal(Resize(2, 6)(torch.full((1, 2, 4, 4), 3.0)), torch.full((1, 2, 2, 6), 3.0))
    # Twice as wide: each output lies a quarter of a pixel from its nearest input.
    row = Resize(1, 4)(torch.tensor([[[[0.0, 4.0]]]]))
    assert torch.allclose(row, torch.tensor([[[[0.0, 1.0, 3.0, 4.0]]]]))


@pytest.mark.parametrize(
    ("raw", "target", "strides"),
    [
        ((2, 4, 6), (5, 2, 2), (2, 3)),
        ((2, 5, 5), (2, 3, 2), (2, 3)),
        ((3, 4, 4), (4, 4, 4), (1, 1)),
    ],
)
def test_pad_takes_every_sth_position_and_adds_zeros(raw, target, strides):
    x = torch.randn(3, *raw)
    padded = Pad(raw, target)(x)
    assert tuple(padded.shape[1:]) == target
    for row in range(target[1]):
        for column in range(target[2]):
            read = x[:, :, strides[0] * row, strides[1] * column]
            assert torch.equal(padded[:, : raw[0], row, column], read)
    assert not padded[:, raw[0] :].any()


def test_pad_of_a_vector_adds_zeros_at_its_end():
    padded = Pad((2,), (5,))(torch.tensor([[1.0, 2.0]]))
    assert padded.tolist() == [[1, 2, 0, 0, 0]]


def test_project_image_to_image():
    project = Project((3, 2, 2), (5, 4, 4))
    x = torch.randn(2, 3, 2, 2)
    mixed = torch.einsum("oi,nihw->nohw", project.mix.weight[:, :, 0, 0], x)
    mixed = mixed + project.mix.bias[:, None, None]
    assert torch.allclose(project(x), Resize(4, 4)(mixed), atol=1e-6)
    same = Project((3, 4, 4), (5, 4, 4))
    assert same(X).shape == (2, 5, 4, 4)
    assert torch.allclose(same(X), same.mix(X))


def test_project_vector_to_vector():
    project = Project((3,), (5,))
    x = torch.randn(2, 3)
    assert torch.allclose(project(x), x @ project.mix.weight.T + project.mix.bias, atol=1e-6)


def test_project_vector_to_image_spreads_it():
    project = Project((3,), (5, 4, 2))
    x = torch.randn(2, 3)
    wanted = (x @ project.mix.weight.T + project.mix.bias)[:, :, None, None].expand(2, 5, 4, 2)
    assert torch.allclose(project(x), wanted, atol=1e-6)


def test_project_image_to_vector_flattens_it():
    project = Project((3, 4, 4), (5,))
    assert project.mix.weight.shape == (5, 48)
    wanted = X.reshape(2, 48) @ project.mix.weight.T + project.mix.bias
    assert torch.allclose(project(X), wanted, atol=1e-6)

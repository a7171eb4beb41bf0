"""Fits and merges of images, tokens and vectors, against formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from loopynet import Loop, LoopyNetError
from loopynet.wrap.edge import LoopEdge
from loopynet.wrap.ends import Ends
from loopynet.wrap.port import Port


def edge(raw: tuple, target: tuple, *, identity: bool = False, **options: object) -> LoopEdge:
    loop = Loop(from_="top", to="low", **options)
    ends = Ends(Port("top"), Port("low"), raw, target)
    return LoopEdge("back", loop, ends, [], identity=identity).double()


def tensors(*shapes: tuple) -> list:
    torch.manual_seed(0)
    return [torch.randn(2, *shape, dtype=torch.float64) for shape in shapes]


def test_tokens_are_projected_and_gated_token_by_token() -> None:
    x, f = tensors((5, 4), (5, 6))
    one = edge((5, 6), (5, 4), merge="gate", fit="project")
    signal = one.signal(f, x, 1)
    mix = one.mix.mix
    torch.testing.assert_close(signal, functional.linear(f, mix.weight[:, :, 0, 0], mix.bias))
    weigh = one.op.weigh
    joined = torch.cat((x, signal), 2)
    gate = functional.linear(joined, weigh.weight[:, :, 0, 0], weigh.bias).sigmoid()
    torch.testing.assert_close(one.merge(x, signal), x + gate * signal)


def test_tokens_of_another_number_are_interpolated() -> None:
    x, f = tensors((8, 3), (4, 3))
    one = edge((4, 3), (8, 3), fit="resize")
    expected = functional.interpolate(f.transpose(1, 2), 8, mode="linear").transpose(1, 2)
    torch.testing.assert_close(one.signal(f, x, 1), expected)


def test_pad_leaves_out_positions_and_adds_zeros() -> None:
    f, x = tensors((2, 6, 6), (3, 3, 3))
    one = edge((2, 6, 6), (3, 3, 3), fit="pad")
    assert one.fit_word == "pad"
    signal = one.signal(f, x, 1)
    assert torch.equal(signal[:, :2], f[:, :, ::2, ::2])
    assert not signal[:, 2:].any()
    torch.testing.assert_close(one.merge(x, signal), x + signal)
    with pytest.raises(LoopyNetError, match="leaves out positions and adds channels only"):
        edge((3, 3, 3), (2, 3, 3), fit="pad")


def test_tokens_get_channels_of_zeros() -> None:
    f, x = tensors((4, 2), (4, 3))
    signal = edge((4, 2), (4, 3), fit="pad").signal(f, x, 1)
    assert torch.equal(signal, functional.pad(f, (0, 1)))


def test_a_vector_is_spread_over_an_image_of_any_size() -> None:
    f, x = tensors((5,), (3, 4, 7))
    one = edge((5,), (3, 9, 9), fit="project")
    mix = one.mix.mix
    expected = functional.linear(f, mix.weight, mix.bias)[:, :, None, None].expand(-1, -1, 4, 7)
    torch.testing.assert_close(one.signal(f, x, 1), expected)


def test_an_image_is_flattened_into_a_vector() -> None:
    f, x = tensors((2, 3, 3), (4,))
    one = edge((2, 3, 3), (4,), fit="project")
    mix = one.mix.mix
    expected = functional.linear(f.flatten(1), mix.weight, mix.bias)
    torch.testing.assert_close(one.signal(f, x, 1), expected)


@pytest.mark.parametrize("shape", [(4, 3, 3), (5, 4), (4,)])
def test_concat_is_led_back_to_the_targets_channels(shape: tuple) -> None:
    x, f = tensors(shape, shape)
    one = edge(shape, shape, merge="concat")
    merged = one.merge(x, f)
    channel = -1 if len(shape) == 2 else 1
    joined = torch.cat((x, f), channel).movedim(channel, -1)
    weight = one.back.mix.weight.flatten(1)
    expected = functional.linear(joined, weight, one.back.mix.bias).movedim(-1, channel)
    torch.testing.assert_close(merged, expected)


def test_the_gain_multiplies_what_the_merge_changes() -> None:
    x, f = tensors((3,), (3,))
    one = edge((3,), (3,), merge="mul", identity=True)
    one.gain.data.fill_(0.25)
    torch.testing.assert_close(one.merge(x, f), x + 0.25 * (x * f - x))


@pytest.mark.parametrize("shape", [(), (2, 3, 4, 4)])
def test_other_shapes_merge_element_by_element(shape: tuple) -> None:
    x, f = tensors(shape, shape)
    one = edge(shape, shape, merge="modulate")
    assert torch.equal(one.merge(x, one.signal(f, x, 1)), x + x * f)
    if shape:
        with pytest.raises(LoopyNetError, match=r"gate takes images .* write sum or modulate"):
            edge(shape, shape, merge="gate")


@pytest.mark.parametrize(
    ("raw", "target"), [((3, 4, 4), (16, 3)), ((16, 3), (3, 4, 4)), ((2, 3, 4, 4), (3, 4, 4))]
)
def test_what_no_fit_joins(raw: tuple, target: tuple) -> None:
    with pytest.raises(LoopyNetError, match="which no fit joins; reshape the signal in a layer"):
        edge(raw, target, fit="project")


def test_shapes_that_differ_at_a_call_only() -> None:
    x, f = tensors((3, 4, 4), (3, 4, 5))
    one = edge((3, 4, 4), (3, 4, 4))
    with pytest.raises(LoopyNetError, match=r"shape \[2, 3, 4, 5\] and the input of low \[2, 3, 4"):
        one.merge(x, one.signal(f, x, 1))
    with pytest.raises(LoopyNetError, match="inputs of any size need"):
        one.merge(x, f[:1])


def test_a_signal_of_higher_precision_does_not_change_the_type() -> None:
    one = edge((3,), (3,), identity=True).float()
    x = torch.ones(2, 3, dtype=torch.bfloat16)
    assert one.merge(x, torch.ones(2, 3)).dtype == torch.bfloat16


def test_initial_signals_have_the_fitted_shape() -> None:
    (x,) = tensors((5, 4))
    concat = edge((5, 6), (5, 4), merge="concat", initial="one")
    assert torch.equal(concat.initial(x), torch.ones(2, 5, 6, dtype=torch.float64))
    assert edge((5, 4), (5, 4)).initial(x) is None
    assert not nn.Module.state_dict(edge((5, 4), (5, 4)))

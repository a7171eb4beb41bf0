"""Receptive fields, against where the gradient of a position is not zero."""

import pytest
import torch
from hypothesis import given, settings

from loopynet import LoopyNet, NetworkSpec, build_graph, load_spec
from loopynet.explain.field import receptive_fields, window
from reference.strategies import documents
from reference.values import random_input, random_net


def test_the_published_network_grows_by_six_pixels_at_each_unroll():
    fields = receptive_fields(build_graph(load_spec("cifar10-loopy")), 4)
    for t in range(1, 5):
        for place, name in enumerate(("conv_1", "conv_2", "conv_3"), start=1):
            reach = place + 3 * (t - 1)
            rows, columns = fields[f"{name}@{t}"]
            assert window(rows) == window(columns) == (-reach, reach)
            assert rows.step == 1
    assert fields["fc_1@1"] is None


def reads(net: LoopyNet, name: str, at: tuple[int, int]) -> torch.Tensor:
    """Return whether each pixel [H, W] moves a position of an activation."""
    x = random_input(net, batch=2).requires_grad_()
    value = net.trace(x)[name]
    if not value.requires_grad:
        return torch.zeros(x.shape[2:], dtype=torch.bool)
    values = value[0, :, at[0], at[1]]
    moved = sum(torch.autograd.grad(v, x, retain_graph=True)[0].abs() for v in values)
    return (moved[0].sum(0) > 0).cpu()


@settings(deadline=None, max_examples=25)
@given(document=documents(least_loops=1, least_steps=2))
def test_no_pixel_outside_is_read(document):
    net = random_net(NetworkSpec.model_validate(document)).eval()
    delayed = net.graph.delays or any(skip.delay for skip in net.graph.skips)
    if len(net.graph.input_shape) != 3 or delayed:  # delays are refused by what uses fields
        return
    fields = receptive_fields(net.graph)
    trace = net.trace(random_input(net, batch=2))
    for name, value in trace.items():
        field = fields.get(name)
        if field is None or value.dim() != 4:
            continue
        o = (value.shape[2] // 2, value.shape[3] - 1)
        seen = reads(net, name, o).nonzero()
        for axis, place, pixels in zip(field, o, seen.T, strict=True):
            if len(pixels):
                assert axis.step * place + axis.low <= pixels.min().item()
                assert axis.step * place + axis.high >= pixels.max().item()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid", 1])
def test_every_pixel_inside_is_read(stride, padding):
    net = random_net(
        NetworkSpec(
            input={"shape": (1, 30, 30)},
            layers={
                "a": {"type": "conv2d", "filters": 2, "stride": stride, "padding": padding},
                "p": {"type": "pool2d", "mode": "mean", "size": 2},
                "b": {"type": "conv2d", "filters": 1, "dilation": 2, "padding": "same"},
                "fc": {"type": "dense", "units": 2},
            },
            main=("a", "p", "b", "fc"),
        )
    ).eval()
    place = 14 // (2 * stride)
    seen = reads(net, "b@1", (place, place)).nonzero()
    for axis, pixels in zip(receptive_fields(net.graph)["b@1"], seen.T, strict=True):
        assert axis.step == 2 * stride
        assert pixels.min().item() == axis.step * place + axis.low
        assert pixels.max().item() == axis.step * place + axis.high

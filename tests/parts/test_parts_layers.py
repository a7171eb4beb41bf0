"""What every registered layer type must keep: its shape, its costs and its module agree."""

import math

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from loopynet import LoopyNet, NetworkSpec
from loopynet.parts.layers import (
    Conv2d,
    ConvTranspose2d,
    Dense,
    Dropout,
    GlobalPool,
    LayerSpec,
    Maxout,
    Norm,
    Pool2d,
    Upsample,
    layer_types,
)
from loopynet.parts.shape import LARGEST, ShapeError

one_or_two = st.integers(1, 4) | st.tuples(st.integers(1, 4), st.integers(1, 4))
paddings = (
    st.sampled_from(("same", "valid"))
    | st.integers(0, 3)
    | st.tuples(st.integers(0, 3), st.integers(0, 3))
)
images = st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9))
shapes = images | st.tuples(st.integers(1, 12))

OPTIONS = {
    "conv2d": {
        "filters": st.integers(1, 6),
        "size": one_or_two,
        "stride": one_or_two,
        "padding": paddings,
        "dilation": one_or_two,
        "groups": st.sampled_from((1, 1, 2, 3)),
        "bias": st.booleans(),
    },
    "pool2d": {
        "size": one_or_two,
        "stride": st.none() | one_or_two,
        "padding": paddings,
        "mode": st.sampled_from(("max", "mean")),
    },
    "dense": {"units": st.integers(1, 5), "bias": st.booleans()},
    "maxout": {"pieces": st.integers(1, 4)},
    "dropout": {"rate": st.sampled_from((0, 0.5)), "spatial": st.booleans()},
    "global_pool": {"mode": st.sampled_from(("max", "mean"))},
    "upsample": {"scale": one_or_two, "mode": st.sampled_from(("nearest", "bilinear", "bicubic"))},
    "local_response_norm": {"size": st.integers(1, 4), "alpha": st.sampled_from((1e-4, 1.0))},
    "norm": {"kind": st.sampled_from(("batch", "group", "layer"))},
    "scale": {"factor": st.sampled_from((-1.5, 0.0, 0.5, 2))},
}
OPTIONS["conv_transpose2d"] = OPTIONS["conv2d"]
"""How the options of each type are drawn; a type that is not here is drawn with its defaults."""


def layer(kind: str, /, **options) -> LayerSpec:
    return layer_types.get(kind)(**options)


@st.composite
def built(draw, kind: str):
    """A layer of a type, an input shape that it takes, and its module."""
    spec = layer(kind, **draw(st.fixed_dictionaries(OPTIONS.get(kind, {}))))
    shape = draw(shapes)
    try:
        spec.check(shape)
    except ShapeError:
        assume(False)
    return spec, shape, spec.build(shape)


@pytest.mark.parametrize("kind", layer_types.names())
def test_contract(kind):
    """Shape and number of parameters are those of the module; multiply-adds those it performs."""

    @settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
    @given(case=built(kind))
    def check(case):
        spec, shape, module = case
        assert spec.type == kind
        x = torch.randn(2, *shape)
        if module is None:
            assert spec.output_shape(shape) == shape
            assert spec.parameters(shape) == spec.multiply_adds(shape) == 0
            return
        with FlopCounterMode(display=False) as counter:
            y = module(x)
        assert tuple(y.shape) == (2, *spec.output_shape(shape))
        assert y.isfinite().all()
        parameters = sum(p.numel() for p in module.parameters())
        assert spec.parameters(shape) == parameters
        assert spec.weighted == (parameters > 0)
        assert spec.multiply_adds(shape) == counter.get_total_flops() / 2 / len(x)
        assert not list(module.buffers())

    check()


@pytest.mark.parametrize("kind", layer_types.names())
def test_what_check_refuses_is_a_phrase_after_the_layers_name(kind):
    """And nothing but ShapeError comes out, whatever the shape and options."""

    @settings(deadline=None, max_examples=60)
    @given(options=st.fixed_dictionaries(OPTIONS.get(kind, {})), shape=shapes)
    def check(options, shape):
        said = "fine"
        try:
            layer(kind, **options).check(shape)
        except ShapeError as error:
            said = str(error)
        assert said[0].islower()
        assert len(said) < 200

    check()


@pytest.mark.parametrize("kind", layer_types.names())
def test_registered_types_are_documented_data(kind):
    cls = layer_types.get(kind)
    assert cls.__doc__
    assert cls.model_fields["type"].default == kind
    for name, info in cls.model_fields.items():
        assert name == "type" or info.description, name


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(deadline=None, max_examples=80)
@given(
    size=one_or_two,
    dilation=one_or_two,
    shape=images,
    filters=st.integers(1, 3),
)
def test_same_padding_is_pytorchs(size, dilation, shape, filters):
    spec = Conv2d(filters=filters, size=size, dilation=dilation, padding="same")
    module = spec.build(shape).double()
    conv = next(m for m in module.modules() if isinstance(m, nn.Conv2d))
    x = torch.randn(2, *shape, dtype=torch.float64)
    wanted = functional.conv2d(x, conv.weight, conv.bias, padding="same", dilation=dilation)
    assert torch.allclose(module(x), wanted, atol=1e-12)
    assert spec.output_shape(shape) == (filters, *shape[1:])


@settings(deadline=None, max_examples=80)
@given(size=one_or_two, stride=one_or_two, shape=images)
def test_same_padding_with_a_stride_gives_the_ceiling(size, stride, shape):
    strides = stride if isinstance(stride, tuple) else (stride, stride)
    wanted = tuple(math.ceil(n / s) for n, s in zip(shape[1:], strides, strict=True))
    conv = Conv2d(filters=2, size=size, stride=stride)
    assert conv.output_shape(shape)[1:] == wanted
    up = ConvTranspose2d(filters=2, size=size, stride=stride)
    assert up.output_shape(shape)[1:] == tuple(
        n * s for n, s in zip(shape[1:], strides, strict=True)
    )
    assert tuple(up.build(shape)(torch.randn(1, *shape)).shape[2:]) == up.output_shape(shape)[1:]
    pool = Pool2d(size=size, stride=stride, padding="same")
    try:
        pool.check(shape)
    except ShapeError:
        assume(False)
    assert pool.output_shape(shape)[1:] == wanted


def test_the_odd_zero_of_same_padding_stands_at_the_end():
    """As in TensorFlow: 4 positions, stride 2, size 3 need one zero, after the last."""
    spec = Conv2d(filters=1, size=3, stride=2, bias=False, init="ones")
    x = torch.tensor([1.0, 10.0, 100.0, 1000.0]).repeat(4, 1)[None, None]
    wanted = torch.tensor([[333.0, 3300.0], [222.0, 2200.0]])
    assert torch.equal(spec.build((1, 4, 4))(x)[0, 0], wanted)


@settings(deadline=None, max_examples=60)
@given(
    size=one_or_two,
    stride=one_or_two,
    dilation=one_or_two,
    padding=st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2)),
    groups=st.sampled_from((1, 2)),
    shape=st.tuples(st.just(4), st.integers(1, 7), st.integers(1, 7)),
)
def test_transposed_convolution_is_pytorchs(size, stride, dilation, padding, groups, shape):
    options = {"size": size, "stride": stride, "dilation": dilation, "groups": groups}
    spec = ConvTranspose2d(filters=2, padding=padding, **options)
    try:
        spec.check(shape)
    except ShapeError:
        assume(False)
    module = spec.build(shape).double()
    inner = next(m for m in module.modules() if isinstance(m, nn.ConvTranspose2d))
    x = torch.randn(2, *shape, dtype=torch.float64)
    wanted = functional.conv_transpose2d(
        x, inner.weight, inner.bias, stride, padding, 0, groups, dilation
    )
    assert torch.allclose(module(x), wanted, atol=1e-12)


def test_transposed_convolution_is_the_transpose():
    """<conv(x), y> = <x, conv_transpose(y)> for the same weight and no bias, padding same."""
    options = {"size": 3, "stride": 2, "bias": False}
    conv = Conv2d(filters=5, **options, padding=1).build((4, 7, 7)).double()
    up = ConvTranspose2d(filters=4, **options, padding=1).build((5, 4, 4)).double()
    inner = next(m for m in up.modules() if isinstance(m, nn.ConvTranspose2d))
    with torch.no_grad():
        inner.weight.copy_(conv.weight)
    x, y = torch.randn(1, 4, 7, 7).double(), torch.randn(1, 5, 4, 4).double()
    assert torch.isclose((conv(x) * y).sum(), (x * up(y)).sum())


def test_pooling_by_hand():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert Pool2d().build((1, 4, 4))(x).tolist() == [[[[5, 7], [13, 15]]]]
    assert Pool2d(mode="mean").build((1, 4, 4))(x).tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
    # The zeros around do not count, neither for a maximum of negative numbers nor for a mean.
    same = {"size": 3, "stride": 3, "padding": "same"}
    ones = -torch.ones(1, 1, 4, 4)
    for mode in ("max", "mean"):
        assert Pool2d(mode=mode, **same).build((1, 4, 4))(ones).unique().tolist() == [-1]
    assert GlobalPool().build((1, 4, 4))(x).tolist() == [[7.5]]
    assert GlobalPool(mode="max").build((1, 4, 4))(x).tolist() == [[15]]


def test_upsampling_by_hand():
    x = torch.tensor([[[[1.0, 2.0]]]])
    assert Upsample(scale=(2, 1)).build((1, 1, 2))(x).tolist() == [[[[1, 2], [1, 2]]]]
    wide = Upsample(scale=(1, 2), mode="bilinear").build((1, 1, 2))(x)
    assert wide.flatten().tolist() == [1.0, 1.25, 1.75, 2.0]


def test_dense_flattens_an_image_with_channels_outermost():
    module = Dense(units=24, init="identity", bias=False).build((2, 3, 4))
    x = torch.randn(5, 2, 3, 4)
    y = module(x)
    assert torch.equal(y[:, 2 * 4 + 1], x[:, 0, 2, 1])
    assert torch.equal(y[:, 12 + 3], x[:, 1, 0, 3])


@pytest.mark.parametrize("kind", [k for k in layer_types.names() if layer_types.get(k).weighted])
def test_weights_and_biases_are_initialized_as_asked(kind):
    required = {"units": 3} if kind == "dense" else {"filters": 3}
    chosen = {
        "init": {"type": "constant", "value": 0.25},
        "bias_init": {"type": "constant", "value": -2},
    }
    values = dict(layer(kind, **required, **chosen).build((2, 4, 4)).named_parameters())
    assert {key.rsplit(".")[-1]: v.unique().tolist() for key, v in values.items()} == {
        "weight": [0.25],
        "bias": [-2.0],
    }
    by_default = dict(layer(kind, **required).build((2, 4, 4)).named_parameters())
    assert {key.rsplit(".")[-1]: bool((v == 0).all()) for key, v in by_default.items()} == {
        "weight": False,
        "bias": True,
    }
    none = layer(kind, **required, bias=False)
    assert [v.dim() > 1 for v in none.build((2, 4, 4)).parameters()] == [True]


def test_spatial_dropout_drops_whole_channels():
    torch.manual_seed(0)
    dropped = Dropout(spatial=True).build((40, 3, 3))(torch.ones(2, 40, 3, 3))
    assert {len(channel.unique()) for channel in dropped.flatten(0, 1)} == {1}
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def test_a_norm_layer_is_the_norm_that_other_layers_have():
    spec = Norm(kind="group", over_time="per_step", momentum=0.3, eps=0.2, groups=2)
    norm = spec.as_norm()
    assert (norm.type, norm.over_time, norm.momentum) == ("group", "per_step", 0.3)
    assert (norm.eps, norm.groups) == (0.2, 2)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Conv2d, {}),
        (Conv2d, {"filters": 0}),
        (Conv2d, {"filters": 2.0}),
        (Conv2d, {"filters": "2"}),
        (Conv2d, {"filters": LARGEST + 1}),
        (Conv2d, {"filters": 2, "size": 0}),
        (Conv2d, {"filters": 2, "size": [3]}),
        (Conv2d, {"filters": 2, "size": [3, 3.0]}),
        (Conv2d, {"filters": 2, "size": True}),
        (Conv2d, {"filters": 2, "stride": 0}),
        (Conv2d, {"filters": 2, "padding": -1}),
        (Conv2d, {"filters": 2, "padding": "SAME "}),
        (Conv2d, {"filters": 2, "padding": [1, 2, 3]}),
        (Conv2d, {"filters": 2, "groups": 0}),
        (Conv2d, {"filters": 2, "kernel": 3}),
        (Conv2d, {"filters": 2, "type": "dense"}),
        (Dense, {"units": -1}),
        (Maxout, {"pieces": 0}),
        (Dropout, {"rate": 1}),
        (Dropout, {"rate": -0.1}),
        (Dropout, {"rate": math.nan}),
        (Pool2d, {"mode": "median"}),
        (Upsample, {"scale": 1.5}),
        (Norm, {"kind": "none"}),
        (Norm, {"eps": 0}),
        (Norm, {"momentum": 2}),
    ],
)
def test_options_out_of_range_are_refused(cls, options):
    with pytest.raises(ValueError, match="validation error"):
        cls(**options)


@pytest.mark.parametrize("padding", [[1, 2], (1, 2)])
def test_pairs_are_height_and_width(padding):
    spec = Conv2d(filters=1, size=[2, 3], padding=padding)
    assert spec.output_shape((1, 5, 5)) == (1, 5 + 2 - 1, 5 + 4 - 2)
    assert Conv2d(filters=1, size=[3, 3]).size == (3, 3)


@pytest.mark.parametrize("kind", layer_types.names())
def test_every_type_makes_a_network(kind):
    """With its required options only, in the main stack of a small network."""
    required = {"conv2d": {"filters": 2}, "conv_transpose2d": {"filters": 2}, "dense": {"units": 2}}
    document = {
        "input": {"shape": [4, 6, 6]},
        "layers": {
            "tested": {"type": kind, **required.get(kind, {})},
            "fc": {"type": "dense", "units": 3},
        },
        "main": ["tested", "fc"],
    }
    net = LoopyNet(NetworkSpec.model_validate(document))
    assert net(torch.randn(2, 4, 6, 6)).shape == (2, 3)

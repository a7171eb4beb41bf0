import pytest
from describe_examples import graph_of

from loopynet.describe.words import Detail, fit_words, layer_words, norm_words, route_words

LAYERS = {
    "{type: conv2d, filters: 8}": "conv2d 3x3, 8 filters",
    "{type: conv2d, filters: 8, size: [1, 5], stride: 2, padding: valid, dilation: [1, 1]}": (
        "conv2d 1x5, 8 filters, stride 2, padding valid, dilation 1x1"
    ),
    "{type: conv2d, filters: 8, groups: 4, bias: false, init: he_normal}": (
        "conv2d 3x3, 8 filters, no bias, groups 4"
    ),
    "{type: conv2d, filters: 1}": "conv2d 3x3, 1 filter",
    "{type: conv_transpose2d, filters: 8, stride: 2}": (
        "conv_transpose2d 3x3, 8 filters, stride 2"
    ),
    "{type: pool2d}": "pool2d max 2x2",
    "{type: pool2d, mode: mean, size: 3, stride: 1, padding: same}": (
        "pool2d mean 3x3, stride 1, padding same"
    ),
    "{type: upsample, scale: [2, 3], mode: bilinear}": "upsample bilinear x2x3",
    "{type: maxout, pieces: 4}": "maxout 4 pieces",
    "{type: dropout, rate: 0.25, spatial: true}": "dropout 0.25, spatial",
    "{type: identity, activation: {type: leaky_relu, negative_slope: 0.2}}": (
        "identity, leaky_relu 0.2"
    ),
    "{type: norm, kind: group, groups: 4}": "group norm (4 groups)",
    "{type: norm, over_time: per_step_statistics, activation: relu}": (
        "batch norm per step statistics, relu"
    ),
    "{type: conv2d, filters: 8, activation: relu, norm: layer}": (
        "conv2d 3x3, 8 filters, relu, layer norm"
    ),
}


def looped(layer):
    return graph_of(f"""
input: {{shape: [8, 12, 12]}}
layers:
  it: {layer}
  out: {{type: dense, units: 3}}
main: [it, out]
loops: {{back: {{from: it, to: it, fit: project}}}}
unroll: {{steps: 2}}
""").layers["it"]


@pytest.mark.parametrize(("layer", "words"), LAYERS.items())
def test_a_layer_in_words(layer, words):
    assert layer_words(looped(layer)) == words


@pytest.mark.parametrize("layer", LAYERS)
def test_less_detail_is_never_longer(layer):
    lengths = [len(layer_words(looped(layer), detail)) for detail in Detail]
    assert lengths == sorted(lengths)


@pytest.mark.parametrize("fit", ["error", "resize", "project", "pad"])
def test_a_fit_is_named_where_it_is_needed(fit):
    graph = graph_of(f"""
input: {{shape: [3, 8, 8]}}
layers:
  a: {{type: conv2d, filters: 3, stride: {1 if fit == "error" else 2}}}
  b: {{type: identity}}
  c: {{type: dense, units: 3}}
main: [a, b, c]
skips: {{over: {{from: input, to: b, fit: {fit}}}, plain: {{from: a, to: b, fit: {fit}}}}}
""")
    over, plain = graph.skips
    assert fit_words(over) == ("" if fit == "error" else fit)
    assert fit_words(plain) == ""
    assert route_words(over) == "input → b, sum" + ("" if fit == "error" else f", {fit}")


def test_the_norm_alone():
    assert norm_words(looped("{type: conv2d, filters: 8}")) == ""
    norm = "{type: batch, over_time: per_step}"
    assert norm_words(looped(f"{{type: conv2d, filters: 8, norm: {norm}}}")) == "batch per step"

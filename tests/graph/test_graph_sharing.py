"""Which layers may use the weights of another one."""

import pytest

from loopynet import SpecError, build_graph, parse_spec, to_yaml
from loopynet.describe.words import layer_words
from loopynet.graph import costs
from reference.strategies import tiny

BASE = """
input: {shape: [2, 6, 6]}
layers:
  strided: {type: conv2d, filters: 2, stride: 2, weights_of: conv}
  conv: {type: conv2d, filters: 2}
  turn: {type: conv_transpose2d, filters: 2, bias: false}
  pool: {type: pool2d}
  way: {type: conv2d, filters: 2}
  neck: {type: dense, units: 4}
  fc: {type: dense, units: 4}
main: [strided, conv, turn, pool, neck, fc]
loops: {back: {from: turn, to: conv, through: [way]}}
unroll: {steps: 3}
"""


def with_layers(**changes):
    layers = tiny(BASE).model_dump(by_alias=True, exclude_unset=True)["layers"]
    types = {
        name: {"type": layer.type, **layers[name]} for name, layer in tiny(BASE).layers.items()
    }
    return {"layers": {name: {**types[name], **changes.get(name, {})} for name in types}}


def refused(**changes) -> SpecError:
    with pytest.raises(SpecError) as caught:
        build_graph(tiny(BASE, **changes))
    return caught.value


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("strided", {"weights_of": "strided"}, "is the layer itself"),
        ("strided", {"weights_of": "cnv"}, 'no layer "cnv". Did you mean "conv"?'),
        (
            "strided",
            {"weights_of": "pool"},
            '"pool" is a layer of type pool2d, which has no weights',
        ),
        (
            "way",
            {"weights_of": "strided"},
            '"strided" uses the weights of "conv" itself; name "conv"',
        ),
        ("strided", {"weights_of": "way"}, '"way" is on the loop "back"'),
        ("strided", {"size": 5}, "[2, 2, 3, 3], and those of this layer are [2, 2, 5, 5]"),
        ("strided", {"bias": False}, '"conv" has a bias, and this layer has none'),
        ("turn", {"weights_of": "conv"}, '"conv" has a bias, and this layer has none'),
        ("fc", {"weights_of": "neck"}, "[4, 2], and those of this layer are [4, 4]"),
        ("fc", {"weights_of": "conv"}, "[2, 2, 3, 3], and those of this layer are [4, 4]"),
    ],
)
def test_what_cannot_be(name, options, said):
    error = refused(**with_layers(**{name: options}))
    assert said in error.message
    assert error.path == ("layers", name, "weights_of")


def test_layers_without_weights_have_no_such_key():
    text = BASE.replace("pool: {type: pool2d}", "pool: {type: pool2d, weights_of: conv}")
    with pytest.raises(SpecError, match='unknown key "weights_of"'):
        parse_spec(text)


def test_a_bound_is_for_weights_of_one_layer():
    error = refused(unroll={"steps": 3, "contract": 0.9})
    assert error.path == ("unroll", "contract")
    assert '"strided" uses those of "conv"' in error.message
    layers = with_layers(strided={"weights_of": None}, fc={"weights_of": "neck"}, neck={"units": 2})
    layers["layers"]["fc"]["units"] = 2
    bounded = build_graph(tiny(BASE, **layers, unroll={"steps": 3, "contract": 0.9}))
    assert bounded.shared == {"fc": "neck"}


def test_weights_count_once_and_arithmetic_each_time():
    graph, own = (
        build_graph(tiny(BASE)),
        build_graph(tiny(BASE, **with_layers(strided={"weights_of": None}))),
    )
    assert costs(own).parameters - costs(graph).parameters == 2 * 2 * 9 + 2
    assert costs(own).multiply_adds == costs(graph).multiply_adds
    assert graph.shared == {"strided": "conv"}
    assert own.shared == {}


def test_an_untied_section_shares_nothing_with_the_rest():
    layers = with_layers(neck={"units": 2}, fc={"units": 2, "weights_of": "neck"})
    untied = build_graph(tiny(BASE, **layers, unroll={"steps": 3, "tied": False}))
    assert untied.shared == {"fc": "neck"}
    assert build_graph(tiny(BASE, **layers)).shared == {"strided": "conv", "fc": "neck"}


def test_without_loops_layers_on_them_share_nothing():
    layers = with_layers(strided={"weights_of": None}, way={"weights_of": "conv"})
    assert build_graph(tiny(BASE, **layers)).shared == {"way": "conv"}
    assert build_graph(tiny(BASE, **layers, unroll={"steps": 1})).shared == {}


def test_it_is_said_in_words():
    graph = build_graph(tiny(BASE))
    assert layer_words(graph.layers["strided"]).endswith("stride 2, weights of conv")
    untied = build_graph(tiny(BASE, unroll={"steps": 3, "tied": False}))
    assert "weights" not in layer_words(untied.layers["strided"])


def test_the_key_is_written_and_read():
    spec = tiny(BASE)
    assert "weights_of: conv" in to_yaml(spec)
    assert parse_spec(to_yaml(spec)) == spec


def test_a_transposed_convolution_that_needs_another_number_of_biases_is_refused():
    """A weight [1, 2, 3, 3] gives 1 channel in a convolution, and 2 in its transpose."""
    text = """
input: {shape: [2, 4, 4]}
layers:
  down: {type: conv2d, filters: 1}
  up: {type: conv_transpose2d, filters: 2, weights_of: down}
  fc: {type: dense, units: 2}
main: [down, up, fc]
"""
    with pytest.raises(SpecError, match='"down" has 1 biases, and this layer needs 2; write bias'):
        build_graph(parse_spec(text))
    without = text.replace("filters: 1}", "filters: 1, bias: false}")
    build_graph(parse_spec(without.replace("of: down", "of: down, bias: false")))

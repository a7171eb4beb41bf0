"""Templates, names and the checks across keys of a network's description."""

import pytest
from pydantic import ValidationError

from loopynet import NetworkSpec, SpecError, parse_spec
from loopynet.parts.layers import Conv2d, Dense, LayerSpec
from loopynet.parts.norms import NormSpec
from loopynet.spec.wiring import Loop, Skip, Unroll
from reference.texts import EXAMPLE


def document(**changes):
    base = {
        "input": {"shape": [4]},
        "layers": {"a": {"type": "dense", "units": 2}},
        "main": ["a"],
    }
    return {**base, **changes}


def test_templates_give_what_a_layer_does_not_set():
    spec = parse_spec("""
input: {shape: [3, 8, 8]}
templates:
  conv: {type: conv2d, filters: 4, size: 5, activation: relu, norm: {type: batch, momentum: 0.5}}
layers:
  inherits: {template: conv}
  overrides: {template: conv, filters: 7, activation: {type: elu, alpha: 2}, norm: none}
  whole: {template: conv, norm: {type: group}}
  other_type: {template: conv, type: conv_transpose2d}
  free: {type: conv2d, filters: 1}
main: [inherits, overrides, whole, other_type, free]
""")
    layers = spec.layers
    assert layers["inherits"] == Conv2d(
        template="conv",
        filters=4,
        size=5,
        activation="relu",
        norm=NormSpec(type="batch", momentum=0.5),
    )
    assert layers["overrides"].filters == 7
    assert layers["overrides"].size == 5
    assert layers["overrides"].activation.plain() == {"type": "elu", "alpha": 2.0}
    assert layers["overrides"].norm == NormSpec(type="none")
    assert layers["whole"].norm == NormSpec(type="group"), "a value is replaced, not merged into"
    assert layers["other_type"].type == "conv_transpose2d"
    assert layers["other_type"].size == 5
    assert layers["free"] == Conv2d(filters=1)


def test_defaults_are_the_published_protocol():
    spec = NetworkSpec.model_validate(document())
    assert spec.unroll == Unroll(steps=1, tied=True, schedule="sequential")
    assert spec.norm.type == "none"
    assert spec.training.optimizer.plain() == "adam"
    assert (spec.training.learning_rate, spec.training.batch_size) == (1e-3, 32)
    assert (spec.training.epochs, spec.training.seed) == (24, 0)
    conv = Conv2d(filters=2)
    assert (conv.size, conv.stride, conv.padding, conv.groups, conv.dilation) == (
        3,
        1,
        "same",
        1,
        1,
    )
    assert conv.init.plain() == "glorot_uniform"
    assert conv.bias_init.plain() == "zeros"
    assert conv.activation.plain() == "linear"


@pytest.mark.parametrize("name", ["Conv2D", "conv2d", "CONV-2D", "conv_2d"])
def test_type_names_match_loosely_and_are_stored_as_registered(name):
    spec = NetworkSpec.model_validate(
        document(input={"shape": [1, 4, 4]}, layers={"a": {"type": name, "filters": 2}})
    )
    assert spec.layers["a"] == Conv2d(filters=2)
    assert spec.layers["a"].type == "conv2d"


def test_a_norm_may_be_a_word():
    spec = NetworkSpec.model_validate(
        document(norm="batch", layers={"a": {"type": "dense", "units": 2, "norm": "layer"}})
    )
    assert spec.norm == NormSpec(type="batch")
    assert spec.layers["a"].norm == NormSpec(type="layer")


def test_specs_are_frozen_data():
    spec = parse_spec(EXAMPLE)
    with pytest.raises(ValidationError):
        spec.name = "other"
    with pytest.raises(ValidationError):
        spec.layers["fc"].units = 3
    assert spec == parse_spec(EXAMPLE)
    assert spec != parse_spec(EXAMPLE.replace("steps: 3", "steps: 2"))


@pytest.mark.parametrize("name", ["a b", "a.b", "a@1", "", "1a", "-a", "ä", "a\n", "x" * 65])
@pytest.mark.parametrize("kind", ["layers", "loops", "skips", "templates"])
def test_names_that_could_not_name_an_activation(kind, name):
    values = {
        "layers": {"type": "dense", "units": 2},
        "loops": {"from": "a", "to": "a"},
        "skips": {"from": "input", "to": "a"},
        "templates": {},
    }
    with pytest.raises(ValidationError):
        NetworkSpec.model_validate(document(**{kind: {name: values[kind]}}))


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "-a", "a b", "x" * 101, "a\0"])
def test_names_that_could_not_name_a_folder(name):
    with pytest.raises(ValidationError):
        NetworkSpec.model_validate(document(name=name))


@pytest.mark.parametrize("name", ["a", "cifar10-loopy", "A.1_b", "3x"])
def test_names_of_folders(name):
    assert NetworkSpec.model_validate(document(name=name)).name == name


def test_loops_and_skips_have_their_defaults():
    loop = Loop.model_validate({"from": "b", "to": "a"})
    assert (loop.merge, loop.fit, loop.through) == ("sum", "error", ())
    assert (loop.delay, loop.initial) == (1, None)
    assert Skip(from_="a", to="b").from_ == "a"
    assert Skip(from_="a", to="b").delay is None
    with pytest.raises(ValidationError, match="delay"):
        Skip.model_validate({"from": "a", "to": "b", "delay": -1})
    with pytest.raises(ValidationError, match="delay"):
        Loop.model_validate({"from": "b", "to": "a", "delay": 0})


@pytest.mark.parametrize("steps", ["all", [1, 0, 2]])
def test_a_loss_over_unrolls_needs_their_logits(steps):
    loop = {"l": {"from": "a", "to": "a", "fit": "project"}}
    parts = {"loss": {"steps": steps}, "unroll": {"steps": 3}, "loops": loop}
    assert NetworkSpec.model_validate(document(**parts, readout="each")).readout == "each"
    with pytest.raises(ValidationError, match="write readout: each"):
        NetworkSpec.model_validate(document(**parts))


def test_layer_objects_and_mappings_mix():
    layers = {"a": Dense(units=2), "b": {"type": "dense", "units": 3}}
    spec = NetworkSpec.model_validate(document(layers=layers, main=["a", "b"]))
    assert all(isinstance(layer, LayerSpec) for layer in spec.layers.values())


def test_an_unknown_template_from_python():
    with pytest.raises(ValidationError, match="no template"):
        NetworkSpec.model_validate(document(layers={"a": Dense(template="none", units=2)}))


@pytest.mark.parametrize("templates", ["5", "[1]", "{conv3: 5}", "{conv3: [1]}"])
def test_templates_that_are_no_mapping(templates):
    lines = EXAMPLE.splitlines()
    lines[2:4] = [f"templates: {templates}"]
    with pytest.raises(SpecError, match="templates"):
        parse_spec("\n".join(lines))


def test_the_json_schema_can_be_made():
    schema = NetworkSpec.model_json_schema()
    assert set(schema["properties"]) == set(NetworkSpec.model_fields)
    assert "from" in schema["$defs"]["Loop"]["properties"]

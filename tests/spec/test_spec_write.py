"""Specs written as YAML read back as what they were."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopynet import NetworkSpec, SpecError, build_graph, parse_spec, read_spec, to_yaml, write_spec
from loopynet.graph import costs
from loopynet.parts.layers import Conv2d, Dense
from loopynet.spec.source import parse_source
from loopynet.spec.write import resolved_document
from loopynet.zoo import load_spec, zoo_names
from reference.strategies import documents
from reference.texts import EXAMPLE


def check_round_trips(spec: NetworkSpec) -> None:
    compact, resolved = parse_spec(to_yaml(spec)), parse_spec(to_yaml(spec, resolved=True))
    assert compact == spec
    graph = build_graph(spec)
    for again in (compact, resolved):
        other = build_graph(again)
        assert list(other.layers) == list(graph.layers)
        assert costs(other) == costs(graph)
        assert (other.main, other.loops, other.skips) == (graph.main, graph.loops, graph.skips)
        assert (other.steps, other.tied, other.readout) == (graph.steps, graph.tied, graph.readout)
        for name, node in graph.layers.items():
            assert other.layers[name].norm == node.norm
            # The resolved form has no templates; everything else of a layer is the same.
            assert other.layers[name].spec == node.spec.model_copy(
                update={} if again is compact else {"template": None}
            )
        assert (again.training, again.data, again.loss) == (spec.training, spec.data, spec.loss)
    assert to_yaml(resolved, resolved=True) == to_yaml(spec, resolved=True)
    assert to_yaml(compact) == to_yaml(spec)


@settings(deadline=None, max_examples=60)
@given(document=documents(), data=st.data())
def test_random_specs_round_trip(document, data):
    if data.draw(st.booleans()):
        # Half of the layers' options move to a template, which some layers contradict.
        for name, layer in list(document["layers"].items()):
            keys = data.draw(st.sets(st.sampled_from(sorted(layer))))
            template = {key: layer[key] for key in keys}
            if "bias" in template and data.draw(st.booleans()):
                template["bias"] = not layer["bias"]
                keys = keys - {"bias"}
            document.setdefault("templates", {})[f"t_{name}"] = template
            own = {key: value for key, value in layer.items() if key not in keys}
            document["layers"][name] = {"template": f"t_{name}", **own}
    check_round_trips(NetworkSpec.model_validate(document))


@pytest.mark.parametrize("name", zoo_names())
def test_zoo_files_round_trip(name):
    check_round_trips(load_spec(name))


TRAINING = """
training:
  optimizer: {type: SGD, momentum: 0.9, nesterov: true}
  learning_rate: 1e-4
  learning_rate_schedule: {type: multi_step, milestones: [3, 5]}
  early_stopping: {patience: 3}
  augmentation: [{type: flip}, {type: affine, scale: [0.5, 2]}]
  gradient_clip_norm: 1
data: {name: "007", split: {train: 100, seed: 3}, image_key: "null"}
loss: {steps: [0, 1, 2.5]}
readout: each
"""


def test_training_and_data_round_trip():
    spec = parse_spec("\n".join(EXAMPLE.splitlines()[:-1]) + TRAINING)
    assert spec.data.name == "007"
    assert spec.data.image_key == "null"
    check_round_trips(spec)


def test_compact_holds_what_was_set_and_nothing_else():
    text = to_yaml(parse_spec(EXAMPLE))
    assert parse_source(text).data == parse_source(EXAMPLE).data


def test_resolved_holds_every_default():
    document = parse_source(to_yaml(parse_spec(EXAMPLE), resolved=True)).data
    assert document["layers"]["conv_1"] == {
        "type": "conv2d",
        "activation": "relu",
        "init": "glorot_uniform",
        "bias": True,
        "bias_init": "zeros",
        "weights_of": None,
        "filters": 4,
        "size": 3,
        "stride": 1,
        "padding": "same",
        "groups": 1,
        "dilation": 1,
    }
    assert document["norm"]["over_time"] == "shared"
    assert document["training"]["batch_size"] == 32
    assert set(document) == set(NetworkSpec.model_fields) - {"templates"}


def test_a_spec_from_python_is_written():
    spec = NetworkSpec(
        input={"shape": (4,)},
        layers={"a": Dense(units=3), "b": Dense(units=2, activation="relu")},
        main=("a", "b"),
        loops={"l": {"from": "b", "to": "a", "fit": "project"}},
        unroll={"steps": 2},
    )
    check_round_trips(spec)
    layers = parse_source(to_yaml(spec)).data["layers"]
    assert layers == {
        "a": {"type": "dense", "units": 3},
        "b": {"type": "dense", "units": 2, "activation": "relu"},
    }


def test_a_layer_from_python_with_a_template():
    spec = NetworkSpec(
        input={"shape": (1, 4, 4)},
        templates={"t": {"size": 1, "activation": "relu"}},
        layers={"a": Conv2d(template="t", filters=2), "b": Dense(units=2)},
        main=("a", "b"),
    )
    assert spec.layers["a"].size == 1
    check_round_trips(spec)


@pytest.mark.parametrize(
    "template",
    [
        "{type: Conv2D, size: 3}",
        "{type: conv-2d, activation: ReLU}",
        "{type: conv2d, filters: bad}",  # which both layers replace
        "{type: conv2d, init: {type: normal, std: 1}}",
        "{type: conv2d, norm: batch, size: [3, 3]}",
    ],
)
def test_a_template_in_other_words(template):
    text = EXAMPLE.replace("{type: conv2d, size: 3, activation: relu}", template)
    check_round_trips(parse_spec(text))


@pytest.mark.parametrize("inner", ["other", "3", "conv3"])
def test_a_template_has_no_template(inner):
    template = f"{{type: conv2d, template: {inner}}}"
    text = EXAMPLE.replace("{type: conv2d, size: 3, activation: relu}", template)
    with pytest.raises(SpecError, match=r"templates\.conv3\.template: a template cannot have one"):
        parse_spec(text)


@pytest.mark.parametrize(
    "name", ["true", "1e3", "null", "~", "3", "yes", "no", "0x1", "a: b", "#", "2020-01-01", "ä\n"]
)
def test_texts_that_look_like_something_else(name):
    document = {**parse_source(EXAMPLE).data, "data": {"name": name}}
    spec = NetworkSpec.model_validate(document)
    assert parse_spec(to_yaml(spec)).data.name == name
    assert parse_spec(to_yaml(spec, resolved=True)).data.name == name


@pytest.mark.parametrize("resolved", [True, False])
def test_pairs_are_written_without_a_warning(resolved):
    text = EXAMPLE.replace("size: 3", "size: [1, 3], padding: [0, 1]")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = to_yaml(parse_spec(text), resolved=resolved)
    assert "size: [1, 3]" in written


def test_written_to_a_file(tmp_path):
    spec = parse_spec(EXAMPLE)
    write_spec(spec, tmp_path / "a.yaml")
    write_spec(spec, str(tmp_path / "b.yaml"), resolved=True)
    assert read_spec(tmp_path / "a.yaml") == spec
    assert (tmp_path / "b.yaml").read_text() == to_yaml(spec, resolved=True)


def test_the_resolved_document_is_plain_data():
    def check(value):
        assert type(value) in {dict, list, str, int, float, bool, type(None)}
        for inner in value.values() if isinstance(value, dict) else []:
            check(inner)
        for inner in value if isinstance(value, list) else []:
            check(inner)

    check(resolved_document(load_spec("cifar10-loopy")))

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loopynet.errors import SpecError
from loopynet.legacy import import_legacy

Chain = Callable[..., str]


def refused(text: str) -> str:
    with pytest.raises(SpecError) as error:
        import_legacy(text, "net.py")
    return str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("'framework': 'lasagne'", "'framework': 'torch'"), 'no framework "torch"; write "las'),
        (("'framework': 'lasagne'", "'framework': ['keras']"), "no framework a list"),
        (("'framework'", "'frame'"), "frame: no section of a network file has this name. Did you"),
        (("'name': 'chain'", "'name': 3"), "name: no name; write a word"),
        (("'name': 'chain'", "'run_params': {'use_dropout': 1}"), "run_params.use_dropout: this"),
        (("'name': 'chain'", "'run_params': {'use_batchnorm': 1}"), "neither True nor False"),
        (("'name': 'chain'", "'run_params': 1"), "run_params: no dictionary; write {...}"),
        (("'name': 'chain'", "'templates': []"), "templates: no dictionary"),
        (("'name': 'chain'", "'layer_defaults': {'rnn': {}}"), 'no layer type "rnn"'),
        (
            ("'name': 'chain'", "'layer_defaults': {'conv': {}, 'conv2d': {}}"),
            "defaults of conv2d stand on line 1 already",
        ),
        (("'layers'", "'players'"), "players: no section of a network file has this name. Did you"),
        (("'stacks'", "'name'"), "name: differs from the same key"),
    ],
)
def test_wrong_sections_are_refused(chain: Chain, change: tuple[str, str], message: str) -> None:
    text = chain(d={"type": "dense", "output_dim": 4})
    assert message in refused(text.replace(*change))


@pytest.mark.parametrize("text", ["[]", "1", "'x'", "None"])
def test_a_file_must_be_a_dictionary(text: str) -> None:
    assert "the file is no dictionary" in refused(text)


@pytest.mark.parametrize("text", ["{}", "{'layers': {}}", "{'layers': None, 'stacks': {}}"])
def test_layers_and_stacks_are_needed(text: str) -> None:
    assert "is missing" in refused(text)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({}, "layers.d: neither a template nor a type"),
        ({"type": None}, "neither a template nor a type"),
        ({"template": "dens"}, 'layers.d.template: no template "dens"'),
        ({"template": 3}, "layers.d.template: no name of a template"),
        ({"type": "lstm"}, 'layers.d.type: no layer type "lstm"'),
        ({"type": "dence"}, 'Did you mean "dense"?'),
        ({"type": ["dense"]}, "no layer type a list"),
        (
            {"type": "dense", "units": 4},
            "layers.d.units: a layer of type dense has no such option here.",
        ),
        (
            {"type": "dense", "W_regularizer": "l2"},
            "layers.d.W_regularizer: a layer of type dense has no",
        ),
        (
            {"type": "conv2d", "output_dim": 3},
            "layers.d.output_dim: a layer of type conv2d has no such",
        ),
        (
            {"type": "pool2d", "filter_size": 2},
            "layers.d.filter_size: a layer of type pool2d has no such",
        ),
        (
            {"type": "dense", "W": "normal", "init": "uniform"},
            "says something else than layers.d.W",
        ),
        ({"type": "conv2d", "nb_row": 3}, "nb_row and nb_col go together"),
        ({"type": "conv2d", "nb_row": 3, "nb_col": 3, "filter_size": 3}, "both give the size"),
    ],
)
def test_wrong_layers_are_refused(chain: Chain, layer: dict[str, Any], message: str) -> None:
    text = refused(chain(d=layer))
    assert text.startswith("net.py:1 layers.d")
    assert message in text


def test_a_layer_that_is_no_dictionary_is_refused(chain: Chain) -> None:
    assert "layers.d: no dictionary" in refused(chain(d=[1]))


def test_layer_beats_template_beats_defaults(loopy: str) -> None:
    layers = import_legacy(loopy).spec["layers"]
    templates = import_legacy(loopy).spec["templates"]
    back = {**templates[layers["back"]["template"]], **layers["back"]}
    assert (back["size"], back["padding"], back["filters"]) == ([7, 9], [3, 4], 11)
    assert templates["conv"]["size"] == 5  # the template's, not the defaults'
    assert templates["conv"]["padding"] == 2  # the defaults'


def test_none_takes_an_inherited_value_back(chain: Chain) -> None:
    text = chain(d={"type": "conv2d", "num_filters": 2, "filter_size": 3, "pad": None})
    text = text.replace("'name'", "'layer_defaults': {'conv2d': {'pad': 7}}, 'name'")
    assert import_legacy(text).spec["layers"]["d"]["padding"] == 0


def test_options_that_are_none_are_dropped_silently(chain: Chain) -> None:
    imported = import_legacy(
        chain(d={"type": "dense", "output_dim": 4, "weights": None, "x": None})
    )
    assert "weights" not in imported.spec["layers"]["d"]
    assert imported.notes == ()


def test_type_of_template_and_layer_must_agree(loopy: str) -> None:
    text = loopy.replace('"c1": {', '"c1": {"type": "TYPE", ')
    assert "differs from the type of the layer's" in refused(text.replace("TYPE", "dense"))
    for word in ('"conv"', "None"):
        assert import_legacy(text.replace('"TYPE"', word)).spec == import_legacy(loopy).spec


def test_a_template_needs_a_type(loopy: str) -> None:
    text = loopy.replace('{"type": "conv2d", "W"', '{"W"')
    assert "templates.conv: a template without a type" in refused(text)


def test_a_descriptor_is_left_out_with_a_note(chain: Chain) -> None:
    imported = import_legacy(chain(d={"type": "dense", "output_dim": 4, "descriptor": "the top"}))
    assert imported.notes == ("layers.d.descriptor is a description only and was left out.",)


def test_the_input_comes_built_in(chain: Chain) -> None:
    text = chain(d={"type": "dense", "output_dim": 4})
    for stated in ("'template': 'input'", "'descriptor': None"):
        spec = import_legacy(text.replace("'type': 'input'", stated)).spec
        assert spec["input"] == {"shape": [3, 32, 32]}


def test_without_a_framework_keras_defaults_hold(chain: Chain) -> None:
    imported = import_legacy(chain(None, d={"type": "dense", "output_dim": 4}))
    assert imported.spec["layers"]["d"]["activation"] == "linear"
    assert "No framework is named" in imported.notes[0]

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopynet.graph import build_graph
from loopynet.legacy import import_legacy, to_yaml
from loopynet.spec import NetworkSpec, parse_spec

Write = Callable[..., str]


def effective(spec: dict[str, Any], name: str) -> dict[str, Any]:
    layer = spec["layers"][name]
    return {**spec.get("templates", {}).get(layer.get("template"), {}), **layer}


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_a_whole_file(loopy: str) -> None:
    conv = {"type": "conv2d", "size": 5, "stride": 1, "padding": 2, "activation": "relu"}
    norm = {"type": "batch", "over_time": "per_step"}
    assert import_legacy(loopy).spec == {
        "name": "tiny",
        "input": {"shape": [3, 16, 17]},
        "templates": {
            "conv": {**conv, "init": "glorot_uniform"},
            "fc": {"type": "dense", "init": "glorot_uniform", "activation": "tanh"},
        },
        "layers": {
            "c1": {"template": "conv", "filters": 11},
            "c2": {"template": "conv", "filters": 12},
            "back": {"template": "conv", "filters": 11, "size": [7, 9], "padding": [3, 4]},
            "hidden": {"template": "fc", "units": 40, "norm": "none"},
            "out": {"template": "fc", "units": 10, "activation": "linear"},
        },
        "main": ["c1", "c2", "hidden", "out"],
        "loops": {"way": {"from": "c2", "to": "c2", "through": ["back"], "merge": "sum"}},
        "unroll": {"steps": 3, "tied": True, "schedule": "sequential"},
        "norm": norm,
    }


def test_the_order_is_that_of_reading(loopy: str) -> None:
    keys = ["name", "input", "templates", "layers", "main", "loops", "unroll", "norm"]
    assert list(import_legacy(loopy).spec) == keys


def test_what_is_unused_is_left_out_with_a_note(loopy: str) -> None:
    text = loopy.replace('"c2": {"num', '"idle": {"x": 1}, "c2": {"num')
    text = text.replace('"fc": {"type"', '"old": {}, "older": {}, "fc": {"type"')
    imported = import_legacy(text)
    assert imported.spec == import_legacy(loopy).spec
    assert 'The layer "idle" is in no stack and was left out.' in imported.notes
    note = 'The templates "old", "older" are used by no layer and were left out.'
    assert note in imported.notes


def test_without_batch_norm_no_norm_is_written(loopy: str) -> None:
    spec = import_legacy(loopy.replace("True}", "False}")).spec
    assert "norm" not in spec
    assert "norm" not in spec["layers"]["hidden"]


def test_a_last_convolution_keeps_its_norm(chain: Write) -> None:
    conv = {"type": "conv2d", "num_filters": 4, "filter_size": 3}
    text = chain(a=conv, b=conv).replace("'name'", "'run_params': {'use_batchnorm': True}, 'name'")
    layers = import_legacy(text).spec["layers"]
    assert "norm" not in layers["a"]
    assert layers["b"]["norm"] == {"type": "batch", "over_time": "per_step"}


def test_only_the_last_softmax_is_left_out(chain: Write) -> None:
    layer = {"type": "dense", "output_dim": 4, "nonlinearity": "softmax"}
    imported = import_legacy(chain(a=layer, b=layer))
    assert imported.spec["layers"]["a"]["activation"] == "softmax"
    assert "activation" not in imported.spec["layers"]["b"]
    assert 'The softmax of "b" was left out' in imported.notes[0]


def test_loops_from_a_softmax_send_what_they_sent(with_loops: Write) -> None:
    stack = {"type": "loop", "structure": ["c", "p", "a"], "composition_mode": "mul"}
    more = {"type": "loop", "structure": ["c", "b"], "composition_mode": "sum"}
    text = with_loops(softmax=stack, more=more)
    text = text.replace("'c': {", "'c': {'nonlinearity': 'softmax', ")
    spec = import_legacy(text).spec
    assert spec["loops"]["softmax"]["through"] == ["softmax_2", "p"]
    assert spec["loops"]["more"]["through"] == ["softmax_3"]
    assert spec["layers"]["softmax_2"] == {"type": "identity", "activation": "softmax"}
    build_graph(NetworkSpec.model_validate(spec))


def test_templates_hold_what_their_layers_share() -> None:
    text = """{"framework": "lasagne", "templates": {
        "t": {"type": "conv2d", "filter_size": 3, "b": None}, "once": {"type": "dense"}},
        "layers": {"input": {"output_dim": (1, 9, 9)},
            "a": {"template": "t", "num_filters": 2},
            "b": {"template": "t", "num_filters": 4, "filter_size": 5, "b": "zeros"},
            "c": {"template": "once", "output_dim": 6, "nonlinearity": None}},
        "stacks": {"m": {"type": "main", "structure": ["input", "a", "b", "c"]}}}"""
    spec = import_legacy(text).spec
    assert spec["templates"]["t"]["size"] == 3
    assert spec["templates"]["t"]["bias"] is False
    assert spec["layers"]["a"] == {"template": "t", "filters": 2}
    assert spec["layers"]["b"] == {"template": "t", "filters": 4, "size": 5, "bias": True}
    assert spec["layers"]["c"] == {"template": "once", "units": 6, "activation": "linear"}


def test_numbers_of_a_file_are_all_kept(loopy: str) -> None:
    spec = import_legacy(loopy, unrolls=8).spec
    found = Counter(n for name in spec["layers"] for n in numbers(effective(spec, name)))
    found.update([*spec["input"]["shape"], spec["unroll"]["steps"]])
    # c1 and c2: filters, size, stride, pad; back: (7, 9) and (3, 4) instead; two dense layers.
    wanted = Counter([11, 5, 1, 2, 12, 5, 1, 2, 11, 7, 9, 1, 3, 4, 40, 10, 3, 16, 17, 8])
    assert found == wanted


_EXTENTS = st.one_of(st.integers(1, 9), st.tuples(st.integers(1, 9), st.integers(1, 9)))
_CONV = st.fixed_dictionaries(
    {},
    optional={
        "num_filters": st.integers(1, 99),
        "filter_size": _EXTENTS,
        "stride": _EXTENTS,
        "pad": _EXTENTS,
        "nonlinearity": st.sampled_from(["relu", "tanh", "softmax", "elu"]),
        "W": st.sampled_from(["glorot_uniform", "he_normal", "orthogonal"]),
    },
)
_WORDS = {"num_filters": "filters", "filter_size": "size", "pad": "padding", "W": "init"}
_WORDS |= {"stride": "stride", "nonlinearity": "activation"}


@given(_CONV, st.lists(_CONV, min_size=1, max_size=2), st.lists(_CONV, min_size=1, max_size=5))
def test_effective_options_are_kept(
    defaults: dict[str, Any], templates: list[dict[str, Any]], layers: list[dict[str, Any]]
) -> None:
    base = {"type": "conv2d", "num_filters": 7, "filter_size": 2}
    named = {f"t{i}": {**base, **template} for i, template in enumerate(templates)}
    placed = {
        f"c{i}": {**layer, "template": f"t{i % len(templates)}"} for i, layer in enumerate(layers)
    }
    top = {"type": "dense", "output_dim": 3}
    document = {
        "framework": "lasagne",
        "templates": named,
        "layers": {"input": {"output_dim": (1, 9, 9)}, **placed, "top": top},
        "stacks": {"main": {"type": "main", "structure": ["input", *placed, "top"]}},
        "layer_defaults": {"conv2d": defaults},
    }
    spec = import_legacy(repr(document)).spec
    for name, layer in placed.items():
        given_options = {"stride": 1, "pad": 0, **defaults, **named[layer["template"]], **layer}
        got = effective(spec, name)
        for old, new in _WORDS.items():
            if old in given_options:
                value = given_options[old]
                assert got[new] == (list(value) if isinstance(value, tuple) else value)


def test_the_result_is_a_network(loopy: str) -> None:
    imported = import_legacy(loopy)
    network = NetworkSpec.model_validate(imported.spec)
    assert parse_spec(to_yaml(imported)) == network
    assert build_graph(network)


@pytest.mark.parametrize("framework", ["lasagne", "keras", None])
@pytest.mark.parametrize("init", ["glorot_uniform", "normal", "uniform", "orthogonal", "constant"])
def test_every_initializer_is_one_of_ours(chain: Write, framework: str | None, init: str) -> None:
    layer = {"type": "dense", "output_dim": 4, "init": init, "activation": "softplus"}
    spec = import_legacy(chain(framework, a=layer, b=layer)).spec
    assert build_graph(NetworkSpec.model_validate(spec))


def test_every_kind_of_layer_is_one_of_ours(chain: Write) -> None:
    text = chain(
        conv={"type": "conv", "dim": 4, "width": 3, "pad": "same", "stride": 2},
        pool={"type": "pool2d", "pool_size": 2, "mode": "average_exc_pad", "pad": 1},
        drop={"type": "dropout", "p": 0.25},
        same={"type": "identity"},
        top={"type": "fully_connected", "dim": 5, "b": None},
    )
    assert build_graph(NetworkSpec.model_validate(import_legacy(text).spec))

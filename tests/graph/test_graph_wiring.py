"""Names and directions of layers, loops and skips."""

import contextlib
import re

import pytest
from pydantic import ValidationError
from torch import nn

from loopynet import LoopyNet, NetworkSpec, SpecError, build_graph
from reference.strategies import tiny

BASE = """
input: {shape: [4]}
layers:
  a: {type: dense, units: 4}
  b: {type: dense, units: 4}
  c: {type: dense, units: 4}
main: [a, b, c]
unroll: {steps: 3}
"""


def refused(**changes):
    with pytest.raises(SpecError) as caught:
        build_graph(tiny(BASE, **changes))
    return caught.value


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"main": []}, ("main",)),
        ({"main": ["a", "b", "c", "d"]}, ("main", 3)),
        ({"main": ["a", "b", "c", "b"]}, ("main", 3)),
        ({"main": ["input", "a", "b", "c"]}, ("main", 0)),
        ({"main": ["a", "b"]}, ("layers", "c")),
        ({"loops": {"l": {"from": "a", "to": "b"}}}, ("loops", "l")),
        ({"loops": {"l": {"from": "d", "to": "b"}}}, ("loops", "l", "from")),
        ({"loops": {"l": {"from": "c", "to": "d"}}}, ("loops", "l", "to")),
        ({"loops": {"l": {"from": "c", "to": "input"}}}, ("loops", "l", "to")),
        ({"loops": {"l": {"from": "input", "to": "a"}}}, ("loops", "l", "from")),
        ({"loops": {"l": {"from": "c", "to": "a", "delay": 3}}}, ("loops", "l", "delay")),
        ({"loops": {"a": {"from": "c", "to": "a"}}}, ("loops", "a")),
        (
            {"loops": {"l": {"from": "c", "to": "a", "through": ["b"]}}},
            ("loops", "l", "through", 0),
        ),
        (
            {"loops": {"l": {"from": "c", "to": "a", "through": ["x"]}}},
            ("loops", "l", "through", 0),
        ),
        ({"skips": {"s": {"from": "b", "to": "a"}}}, ("skips", "s")),
        ({"skips": {"s": {"from": "b", "to": "b"}}}, ("skips", "s")),
        ({"skips": {"s": {"from": "a", "to": "input"}}}, ("skips", "s", "to")),
        ({"skips": {"s": {"from": "x", "to": "b"}}}, ("skips", "s", "from")),
        (
            {"skips": {"s": {"from": "a", "to": "b"}}, "loops": {"s": {"from": "a", "to": "a"}}},
            ("skips", "s"),
        ),
    ],
)
def test_what_cannot_be_connected(changes, path):
    assert refused(**changes).path == path


def test_a_layer_serves_one_edge_once():
    layers = {name: {"type": "dense", "units": 4} for name in "abcw"}
    ends = {"from": "c", "to": "a"}
    twice = refused(layers=layers, loops={"l": {**ends, "through": ["w", "w"]}})
    assert twice.path == ("loops", "l", "through", 1)
    two = {"l": {**ends, "through": ["w"]}, "m": {**ends, "through": ["w"]}}
    assert refused(layers=layers, loops=two).path == ("loops", "m", "through", 0)
    assert '"l"' in refused(layers=layers, loops=two).message


@pytest.mark.parametrize(
    "changes",
    [
        {"loops": {"l": {"from": "b", "to": "b"}}},
        {"loops": {"l": {"from": "c", "to": "a", "delay": 2}}},
        {"loops": {"l": {"from": "c", "to": "a", "delay": 9}}, "unroll": {"steps": 1}},
        {"skips": {"s": {"from": "input", "to": "a"}}},
        {"skips": {"s": {"from": "input", "to": "c"}, "t": {"from": "a", "to": "c"}}},
    ],
)
def test_what_can(changes):
    graph = build_graph(tiny(BASE, **changes))
    assert len(graph.main) == 3


@pytest.mark.parametrize("kind", ["layers", "loops"])
def test_names_that_pytorch_uses_are_refused(kind):
    """Every attribute of the module that would hold the part: none may reach PyTorch."""
    words = {name for name in dir(nn.ModuleDict()) if re.fullmatch("[A-Za-z_][A-Za-z0-9_-]*", name)}
    accepted = []
    for word in sorted(words | {"input", "output"}):
        layer = word if kind == "layers" else "a"
        document = {
            "input": {"shape": [4]},
            "layers": {layer: {"type": "dense", "units": 4}},
            "main": [layer],
            "loops": {word if kind == "loops" else "l": {"from": layer, "to": layer}},
            "unroll": {"steps": 2},
        }
        # Either the name is no valid one (ValidationError), or it is reserved.
        with contextlib.suppress(ValidationError, SpecError):
            build_graph(NetworkSpec.model_validate(document))
            accepted.append(word)
    assert accepted == []


@pytest.mark.parametrize("word", ["forward", "values", "input", "training"])
def test_a_reserved_name_is_blamed(word):
    layers = {name: {"type": "dense", "units": 4} for name in ("a", "b", "c", word)}
    assert refused(layers=layers, main=["a", "b", "c", word]).path == ("layers", word)


@pytest.mark.parametrize("name", ["conv-1", "hidden_", "A", "weight", "op", "layer", "self", "x"])
def test_other_names_make_networks(name):
    document = {
        "input": {"shape": [4]},
        "layers": {name: {"type": "dense", "units": 4}},
        "main": [name],
        "loops": {f"{name}_back": {"from": name, "to": name, "merge": "gate"}},
        "unroll": {"steps": 2},
    }
    net = LoopyNet(NetworkSpec.model_validate(document))
    assert set(net.untie().layers) == {f"{name}@1", f"{name}@2"}

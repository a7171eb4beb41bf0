"""Old network files for the tests, each written for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

LOOPY = """\
# A small network with a loop, in the old format.

{
"run_params":
\t{"use_batchnorm": True},
"framework": "lasagne", "name": "tiny",

"templates": {
\t"input": {"type": "input"},  # built-in
\t"conv": {"type": "conv2d", "W": "glorot_uniform", "filter_size": 5},
\t"fc": {"type": "dense", "W": "glorot_uniform",},
\t},

"layers": {
\t"input": {"output_dim": (3, 16, 17), "template": "input"},
\t"c1": {"num_filters": 11, "template": "conv"},
\t"c2": {"num_filters": 12, "template": "conv"},
\t"back": {"num_filters": 11, "template": "conv", "filter_size": (7, 9), "pad": (3, 4)},
\t"hidden": {"output_dim": 40, "template": "fc"},
\t"out": {"output_dim": 10, "template": "fc", "nonlinearity": "softmax"},
\t},

"stacks": {
\t"main_stack": {"type": "main", "structure": ["input", "c1", "c2", "hidden", "out"]},
\t"way": {"type": "loop", "structure": ("c2", "back", "c2"), "composition_mode": "sum"},
\t},

"layer_defaults": {
\t"conv2d": {"W": "glorot_uniform", "num_filters": 6, "pad": 2, "nonlinearity": "relu"},
\t"dense": {"nonlinearity": "tanh", "weights": None, "W_regularizer": None},
\t},
}
"""


@pytest.fixture
def loopy() -> str:
    """A file with every section."""
    return LOOPY


@pytest.fixture
def chain() -> Callable[..., str]:
    """Return a function that writes a file whose main stack has the given layers."""

    def write(framework: str | None = "lasagne", **layers: dict[str, Any]) -> str:
        structure = ["input", *layers]
        shape = {"output_dim": (3, 32, 32), "type": "input"}
        stacks = {"main": {"type": "main", "structure": structure}}
        document = {"name": "chain", "layers": {"input": shape, **layers}, "stacks": stacks}
        return repr(document if framework is None else {"framework": framework, **document})

    return write


@pytest.fixture
def with_loops() -> Callable[..., str]:
    """Return a function that writes a file of dense layers a, b, c, p, q with the given stacks."""

    def write(
        structure: tuple[str, ...] = ("input", "a", "b", "c"), **stacks: dict[str, Any]
    ) -> str:
        layers: dict[str, Any] = {
            name: {"type": "dense", "output_dim": 4} for name in ("a", "b", "c", "p", "q")
        }
        layers["input"] = {"output_dim": 4, "type": "input"}
        main = {"type": "main", "structure": list(structure)}
        document = {"framework": "lasagne", "name": "net", "layers": layers}
        return repr({**document, "stacks": {"main": main, **stacks}})

    return write

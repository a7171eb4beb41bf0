"""The formulas and tables of docs/unrolling.md."""

from __future__ import annotations

import pytest
import torch

from loopynet import LoopyNet, NetworkSpec, build_graph
from loopynet.graph import costs
from loopynet.modules.norm import BatchNormOverTime

K, DELAY = 4, 2


def spec(**options: object) -> NetworkSpec:
    """Return a network with a layer in every section and one inside a loop of delay 2."""
    conv = {"type": "conv2d", "filters": 2}
    return NetworkSpec.model_validate(
        {
            "input": {"shape": [2, 5, 5]},
            "layers": dict.fromkeys(("trunk", "low", "high", "head", "back"), conv)
            | {"logits": {"type": "dense", "units": 3}},
            "main": ["trunk", "low", "high", "head", "logits"],
            "loops": {"loop": {"from": "high", "through": ["back"], "to": "low", "delay": DELAY}},
            "unroll": {"steps": K},
            "norm": {"type": "batch", "over_time": "per_step"},
            **options,
        }
    )


@pytest.mark.parametrize(
    ("over_time", "affine", "statistics"),
    [("shared", 1, 1), ("per_step", K, K), ("per_step_statistics", 1, K)],
)
def test_sets_of_a_layer_that_runs_k_times(over_time: str, affine: int, statistics: int) -> None:
    norm = LoopyNet(spec(norm={"type": "batch", "over_time": over_time})).layers["low"].norm
    assert isinstance(norm, BatchNormOverTime)
    assert norm.weight.shape == norm.bias.shape == (affine, 2)
    assert norm.running_mean.shape == norm.running_var.shape == (statistics, 2)


@pytest.mark.parametrize(("readout", "head"), [("last", 1), ("each", K)])
def test_sets_of_each_section(readout: str, head: int) -> None:
    net = LoopyNet(spec(readout=readout))
    sets = {
        name: len(net.layers[name].norm.weight) for name in net.graph.layers if name != "logits"
    }
    assert sets == {"trunk": 1, "low": K, "high": K, "head": head, "back": K - DELAY}


def test_a_copy_of_an_untied_network_has_one_set() -> None:
    net = LoopyNet(spec()).untie()
    assert {len(layer.norm.weight) for layer in net.layers.values() if layer.norm} == {1}
    assert [name for name in net.layers if name.startswith("back")] == ["back@1", "back@2"]


@pytest.mark.parametrize(("readout", "heads"), [("last", 1), ("each", K)])
def test_multiply_adds(readout: str, heads: int) -> None:
    conv, dense = 5 * 5 * 2 * 2 * 9, 2 * 5 * 5 * 3
    expected = conv + K * 2 * conv + (K - DELAY) * conv + heads * (conv + dense)
    assert costs(build_graph(spec(readout=readout))).multiply_adds == expected


def test_names_of_what_is_computed() -> None:
    net = LoopyNet(spec()).eval()
    names = list(net.trace(torch.rand(1, 2, 5, 5)))
    assert [name for name in names if name.startswith("loop@")] == ["loop@3", "loop@4"]
    assert [name for name in names if name.startswith("back@")] == ["back@1", "back@2"]
    assert [name for name in names if name.startswith("trunk@")] == ["trunk@1"]

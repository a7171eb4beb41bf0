"""What is compared in float64."""

from pathlib import Path

import pytest
import torch

from loopynet.bench.exact import measure_gradients, measure_same
from loopynet.bench.same import BenchError
from loopynet.bench.turns import Place

PLACE = Place("cpu", 1, Path())
TINY = {"network": "mnist-loopy", "changes": ["layers.conv_1.filters=4"], "batch": 2}
TRUNCATED = "{type: truncated, steps: 1}"


def test_the_contenders_are_compared_for_several_unrolls():
    settings = {**TINY, "contenders": ["eager", "ours", "untied"], "unrolls": [2, 4]}
    found = measure_same({**settings, "tolerance": 1e-10}, PLACE)
    assert set(found) == {"2", "4"}
    assert set(found["4"]) == {"ours", "untied"}
    assert torch.get_default_dtype() == torch.float32
    with pytest.raises(BenchError, match="do not compute the same"):
        measure_same({**settings, "tolerance": 1e-30}, PLACE)
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("mode", "least", "most"), [("recompute", 0, 1e-12), (TRUNCATED, 1e-3, 10)]
)
def test_gradients_of_two_modes_are_compared(mode, least, most):
    settings = {**TINY, "changes": [f"training.gradient={mode}"], "other_changes": []}
    found = measure_gradients(settings, PLACE)
    assert found["logits"] <= 1e-12
    assert least <= found["gradients"] <= most

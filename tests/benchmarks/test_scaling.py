"""docs/scaling.md says of two processes what results/scaling.json has."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield importlib.import_module("scaling")
    sys.modules.pop("scaling", None)


def test_the_page_has_the_kept_figures(scaling):
    text = scaling.PAGE.read_text(encoding="utf-8")
    assert text == scaling.page(text)


def test_the_speed_up_of_a_round_is_that_of_its_median_epochs(scaling):
    one = {"batch_size": 8, "one": [[4.0, 2.0, 2.0], [3.0]], "two": [[1.0, 1.0, 5.0], [2.0]]}
    assert scaling.speed_ups(one) == [2.0, 1.5]
    made_up = {"network": "a", "torch": "2", "cores": 2, "rounds": 2, "note": "", "cases": [one]}
    text = scaling.section(made_up)
    assert "| 8 | 2.5 s | 1.5 s | 1.75 (1.50 to 2.00) |" in text
    assert "Medians of 2 rounds" in text

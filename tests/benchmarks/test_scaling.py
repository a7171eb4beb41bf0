"""docs/scaling.md says of two processes what results/scaling.json has."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield importlib.import_module("scaling")
    sys.modules.pop("scaling", None)


def test_the_page_has_the_measured_figures(scaling):
    data = json.loads(scaling.FILE.read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert scaling.said(data) in page
    assert f"{data['rounds']} rounds" in page


def test_the_speed_up_of_a_round_is_that_of_its_median_epochs(scaling):
    one = {"batch_size": 8, "one": [[4.0, 2.0, 2.0], [3.0]], "two": [[1.0, 1.0, 5.0], [2.0]]}
    assert scaling.speed_ups(one) == [2.0, 1.5]
    assert scaling.said({"cases": [one]}) == "| 8 | 2.5 s | 1.5 s | 1.75 (1.50 to 2.00) |"

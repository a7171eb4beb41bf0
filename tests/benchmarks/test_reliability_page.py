"""docs/reliability.md is what the data in results/reliability says; the data meets its targets."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def reliability_page(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield importlib.import_module("reliability_page")
    sys.modules.pop("reliability_page", None)


def test_the_page_is_in_step_with_the_data(reliability_page):
    assert reliability_page.PAGE.read_text(encoding="utf-8") == reliability_page.page()


def test_fifty_kills_changed_nothing(reliability_page):
    data = reliability_page.read("kills")
    assert data["kills"] >= 50
    assert data["runs_that_differ"] == 0


def test_the_check_costs_less_than_two_percent(reliability_page):
    assert all(one["share"] <= 0.02 for one in reliability_page.read("checks")["cases"])

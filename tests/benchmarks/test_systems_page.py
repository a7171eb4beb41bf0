"""docs/systems/index.md is what the data in results/systems says, and every system has its page."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def systems_page(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield importlib.import_module("systems_page")
    for name in ("systems_page", "systems"):
        sys.modules.pop(name, None)


def test_the_page_is_in_step_with_the_data(systems_page):
    assert systems_page.PAGE.read_text(encoding="utf-8") == systems_page.page()


def test_every_system_has_a_page_with_its_figures(systems_page):
    for name, system in systems_page.SYSTEMS.items():
        page = systems_page.PAGE.parent / f"{system.page or name}.md"
        assert f"images/zoo/{name}.svg" in page.read_text(encoding="utf-8")


def test_every_system_was_trained(systems_page):
    for folder in systems_page.short_runs():
        assert folder.state == "finished", folder.cell.spec.name

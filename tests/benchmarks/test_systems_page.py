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


def test_the_figures_of_dasnet_are_those_of_its_run(systems_page):
    (folder,) = (f for f in systems_page.short_runs() if f.cell.spec.name == "dasnet")
    answers = folder.run.read_tensors("answers.safetensors")
    results = folder.run.read_json("results.json")
    page = (systems_page.PAGE.parent / "dasnet.md").read_text(encoding="utf-8")
    before, after = (100 * share for share in results["test"]["accuracies"])
    assert f"| {before:.2f} % | {after:.2f} % |" in page
    first, last = (100 * share for share in results["train"]["accuracies"])
    assert f"{first:.2f} and {last:.2f} %" in page
    right = (answers["predicted"] == answers["labels"]).double()
    gains = 100 * (right[1] - right[0])
    reach = 1.96 * float(gains.std()) / len(gains) ** 0.5
    mean = float(gains.mean())
    assert f"{mean:+.2f} points ({mean - reach:+.2f} to {mean + reach:+.2f}, over images)" in page

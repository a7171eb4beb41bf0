"""docs/results.md is what the data in results/ says."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def results_page():
    where = importlib.util.spec_from_file_location(
        "results_page", ROOT / "benchmarks" / "results_page.py"
    )
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


def test_the_page_is_in_step_with_the_data(results_page):
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == results_page.page()
    text = (ROOT / "docs" / "the-paper.md").read_text(encoding="utf-8")
    assert text == results_page.paper(text)
    assert text.count("| holds") + text.count("| does not hold") >= 5


@pytest.mark.parametrize("k", [1, 2, 3])
def test_mnist_reaches_the_published_validation_accuracy(k):
    cells = sorted((ROOT / "results" / "mnist").glob(f"mnist-loopy-k{k}-seed*"))
    assert cells
    for cell in cells:
        results = json.loads((cell / "results.json").read_text())
        assert results["validation"]["accuracy"] >= 0.97, cell.name
        assert results["validation"]["images"] == 10_000
        assert not results["interrupted"]

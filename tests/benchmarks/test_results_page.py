"""docs/results.md is what the data in results/ says."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from loopynet.run import RunFolder

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
    text = (ROOT / "docs" / "converging.md").read_text(encoding="utf-8")
    assert text == results_page.converging(text)
    assert "| test | 10,000 |" in text
    text = (ROOT / "docs" / "the-paper.md").read_text(encoding="utf-8")
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


def test_early_exit_saves_unrolls_and_time_and_loses_little(results_page):
    found = results_page.early_exit()
    assert (found.network, found.split, found.chosen.images) == ("cifar10-exits", "test", 10_000)
    assert found.share <= 0.6
    assert found.chosen.accuracy >= found.chosen.all_unrolls - 0.002
    assert all(times.ratio < 0.7 for times in found.times)


def test_early_exit_was_measured_with_the_weights_of_the_package(results_page):
    found = results_page.early_exit()
    run = RunFolder.open("cifar10-exits")
    results = run.read_json("results.json")
    assert found.chosen.each_unroll == pytest.approx(results["test"]["accuracies"], abs=5e-4)
    assert found.validation.images == results["validation"]["images"]


def test_the_truncated_gradient_was_measured_with_three_seeds(results_page):
    page = "\n".join(results_page.truncated())
    assert "| cifar10-loopy, gradient full | 3 | 2 |" in page
    assert "points, n = 3 |" in page
    assert results_page.truncated(ROOT / "docs") == []


def test_no_result_names_a_folder_of_the_machine_it_was_made_on():
    files = [*(ROOT / "results").rglob("*.json"), *(ROOT / "results").rglob("*.yaml")]
    strings = [text for file in files for text in re.findall(r'"(/[^"]*)"', file.read_text())]
    assert len(files) > 100
    assert strings == []

"""docs/performance.md is what the data in results/bench/ says."""

import importlib.util
from pathlib import Path

import pytest

from loopynet.bench.cells import Size, cells
from loopynet.bench.run import read_results, run_cells

ROOT = Path(__file__).parents[2]


@pytest.fixture
def performance_page():
    where = importlib.util.spec_from_file_location(
        "performance_page", ROOT / "benchmarks" / "performance_page.py"
    )
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


def test_the_page_and_its_charts_are_in_step_with_the_data(performance_page, tmp_path):
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert text == performance_page.page()
    results = read_results(ROOT / "results" / "bench" / "cpu")
    for name, (_, figure) in performance_page.figures(results).items():
        performance_page.save(figure, tmp_path / "chart.svg")
        kept = ROOT / "docs" / "images" / f"{name}.svg"
        assert kept.read_text() == (tmp_path / "chart.svg").read_text()
        assert f"(images/{name}.svg)" in text


MADE_UP = {
    "same": {"3": {"ours": {"logits": 1e-15, "gradients": 2e-15}}},
    "linear": {"seconds": {str(k): [0.01 * k] for k in (1, 32, 64)}},
    "compile": {"seconds": {"ours": {"2": [8.0], "64": [9.0]}}},
    "start": {"seconds": {"import loopynet": [0.05]}},
    "gradients": {"logits": 0.0, "gradients": 3e-11},
}


def made_up(cell, settings):
    """Return a result of the shape that a cell's kind has."""
    if cell.kind == "steps":
        seconds = {name: [0.02, 0.03, 0.02] for name in settings["entries"]}
        if settings["product"]:
            seconds["product"] = [0.6, 0.6, 0.6]
        return {
            "seconds": seconds,
            "multiply_adds": dict.fromkeys(seconds, 10**7),
            "compile_seconds": dict.fromkeys(seconds, 1.5),
            "skipped": {"another": "no compiler"},
        }
    if cell.kind == "memory":
        one = {"allocated": 2_000_000, "resident": 3_000_000}
        return {"bytes": dict.fromkeys(settings["entries"], one), "skipped": {}}
    return MADE_UP[cell.kind]


def test_a_full_suite_has_its_tables_and_charts(performance_page, tmp_path, monkeypatch):
    monkeypatch.setattr("loopynet.bench.run._measure", lambda cell, _: made_up(cell, cell.settings))
    for device in ("cpu", "cuda"):
        monkeypatch.setattr("loopynet.bench.run._processor", lambda _: "A processor")
        run_cells(cells(Size()), tmp_path / device, device, 2, again=True, note="Idle.")
    text = performance_page.page(tmp_path, tmp_path)
    assert text.count("## Whether all contenders compute the same") == 2
    assert "| steps-batch-32 | eager | 20.0 ms | 1.00 (1.00 to 1.00) | 42 % | 1.5 s |" in text
    assert "| steps-batch-32 | another | left out: no compiler |" in text
    assert "| recompute 32 | 2.0 MB | 3.0 MB |" in text
    assert "| gradients-implicit | 0e+00 | 3e-11 |" in text
    assert "| `import loopynet` | 50.0 ms |" in text
    assert "R^2 = 1.00000" in text
    assert "A processor, 2 thread(s), torch" in text
    assert "Idle." in text
    assert set(performance_page.figures(read_results(tmp_path / "cpu"))) == {
        "performance-batches", "performance-linear", "performance-memory",
    }  # fmt: skip


def test_without_an_accelerator_the_page_says_so(performance_page, tmp_path):
    text = performance_page.page(tmp_path, tmp_path)
    assert "Not measured yet." in text
    assert "no accelerator" in text

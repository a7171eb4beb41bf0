"""The report of a comparison, on made-up runs."""

import json
from dataclasses import replace

import numpy as np
import pytest

from loopynet.compare import CellFolder, find_cells, grid, markdown_tables, summarize
from loopynet.report import report_comparison
from reference.html_pages import read_page
from reference.made_runs import made_comparison, made_epochs, tiny

EVIL = '<script>alert("1")</script>'
RIGHT = [[True, False, False, True], [True, True, False, True]]


def comparison(folder):
    answers = {name: dict.fromkeys(range(3), RIGHT) for name in ("one", "two")}
    folders = made_comparison(folder, answers)
    for i, cell in enumerate(folders):
        made_epochs(cell.run.path, (0.5 + 0.01 * i, 0.75))
    return folders


def page_of(summary, folders, out):
    path = report_comparison(summary, folders, out)
    assert path == out / "report.html"
    return read_page(path.read_text(encoding="utf-8"))


def test_the_tables_are_those_of_the_markdown(tmp_path):
    folders = comparison(tmp_path)
    summary = summarize(folders, "Two", "loopynet compare one two", notes=("A note.",))
    page = page_of(summary, folders, tmp_path)
    lines = [
        line[2:-2].split(" | ") for line in markdown_tables(summary).splitlines() if "|" in line
    ]
    lines = [line for line in lines if line[0] != "---"]
    rows = page.tables["Networks and settings"]
    assert rows == lines[:3]
    assert page.tables["Against the baseline, on the same images and seeds"] == lines[3:]
    assert "A note." in page.texts["li"]
    assert page.texts["h1"] == ["Two"]
    assert "loopynet compare one two" in page.texts["code"]
    assert "6 runs, all of them finished." in page.text


def test_the_accuracies_are_those_of_results_json(tmp_path):
    folders = comparison(tmp_path)
    page = page_of(summarize(folders, "t", "c"), folders, tmp_path)
    runs = page.tables["All runs"][1:]
    assert len(runs) == 6
    for _, _, state, share, folder in runs:
        results = json.loads((tmp_path / folder / "results.json").read_text())
        assert (state, share) == ("finished", f"{100 * results['test']['accuracy']:.2f}")
    steps = page.tables["Test accuracy at each unroll in percent, means over seeds"]
    assert steps == [["network", "1", "2"], ["one", "50.00", "75.00"], ["two", "50.00", "75.00"]]


def test_unrolls_have_their_numbers_where_the_first_ones_give_no_logits(tmp_path):
    folders = comparison(tmp_path)
    summary = summarize(folders, "t", "c")
    one, late = summary.rows
    summary = replace(summary, rows=(one, replace(late, first_unroll=2)))
    page = page_of(summary, folders, tmp_path)
    steps = page.tables["Test accuracy at each unroll in percent, means over seeds"]
    assert steps[0] == ["network", "1", "2", "3"]
    assert steps[2] == ["two", "", "50.00", "75.00"]


def test_every_row_has_curves_a_config_and_a_drawing(tmp_path):
    folders = comparison(tmp_path)
    page = page_of(summarize(folders, "t", "c"), folders, tmp_path)
    said = [alt for _, alt in page.figures]
    for name, first in (("one", "51.0"), ("two", "54.0")):
        (alt,) = [a for a in said if a.startswith(f"Learning curves of {name}: accuracy")]
        assert "over 2 epochs, means of 3 seeds" in alt
        assert f"train from {first} % to 75.0 %; validation from 40.0 % to 60.0 %" in alt
        assert any(a.startswith(f"Learning curves of {name}: loss") for a in said)
        assert any(f"name: {name}\n" in text for text in page.texts["code"])
        assert f"{name}, folded" in page.texts["figcaption"]
    assert "Seconds per epoch. one: 1.5 s; two: 1.5 s." in said
    assert "Peak memory. one: 3.0 MiB; two: 3.0 MiB." in said


def test_claims_stand_first(tmp_path):
    folders = comparison(tmp_path)
    summary = replace(
        summarize(folders, "t", "c"),
        claims_head=("claim", "published", "measured", "verdict"),
        claims=((f"one is above two {EVIL}", "40.8 - 37.9 = +2.9", "+0.00", "undecided"),),
    )
    page = page_of(summary, folders, tmp_path)
    assert page.tables["claim"] == [list(summary.claims_head), list(summary.claims[0])]
    assert page.texts["h2"][:2] == ["Claims", "Results"]


def test_failed_and_missing_runs_are_told_as_text(tmp_path):
    folders = comparison(tmp_path)
    cells = [*(f.cell for f in folders), *grid([tiny("three")], seeds=2)]
    folders = find_cells(tmp_path, cells)
    failed, missing = folders[-2:]
    failed.run.path.mkdir()
    (failed.run.path / "failure.txt").write_text(EVIL)
    made_epochs(failed.run.path, losses=(float("nan"), float("inf")))
    page = page_of(summarize(folders, f"t {EVIL}", f"c {EVIL}"), folders, tmp_path)
    assert "not finished: 6 of 8 runs are done, 1 failed." in page.text
    assert f"three: failed, seed 0: {EVIL}." in page.texts["li"]
    assert [row[2] for row in page.tables["All runs"][-2:]] == ["failed", "unfinished"]
    assert page.texts["h1"] == [f"t {EVIL}"]
    assert not missing.run.path.exists()


def test_nothing_run_yet_gives_a_page(tmp_path):
    folders = find_cells(tmp_path, grid([tiny("one")]))
    page = page_of(summarize(folders, "t", "c"), folders, tmp_path)
    assert "0 of 1 runs are done" in page.text
    assert "one, folded" in page.texts["figcaption"]
    assert not any("Learning curves" in alt for _, alt in page.figures)


def test_networks_that_differ_in_training_alone_are_drawn_once(tmp_path):
    cells = grid([tiny("one")], {"training.batch_size": ["8", "16"], "unroll.steps": ["2", "3"]})
    folders = find_cells(tmp_path, cells)
    page = page_of(summarize(folders, "t", "c"), folders, tmp_path)
    assert page.texts["figcaption"].count("one, folded") == 2  # two numbers of unrolls
    assert sum(row[0].startswith("one, ") for row in page.tables["Networks and settings"]) == 4


def test_thirty_seeds_of_ten_networks_are_no_heavy_page(tmp_path):
    (first,) = made_comparison(tmp_path, {"first": {0: RIGHT}})
    text = (first.run.path / "metrics.csv").read_text
    epochs = np.linspace(0.1, 0.9, 100)
    made_epochs(first.run.path, epochs, epochs, losses=2 - epochs)
    assert text().count("\n") == 101
    cells = [cell for i in range(10) for cell in grid([tiny(f"network-{i}")])]
    folders = [CellFolder(cell, first.run) for cell in cells for _ in range(30)]
    path = report_comparison(summarize(folders, "t", "c"), folders, tmp_path)
    assert path.stat().st_size < 5_000_000
    assert "All 300 runs" in path.read_text()


@pytest.mark.parametrize("damaged", ["epoch,seconds\n1,x\n", "a,b\n1,2\n"])
def test_a_damaged_table_of_epochs_is_named(tmp_path, damaged):
    from loopynet.errors import RunError

    folders = comparison(tmp_path)
    summary = summarize(folders, "t", "c")
    (folders[0].run.path / "metrics.csv").write_text(damaged)
    with pytest.raises(RunError, match=r"metrics.csv: is damaged"):
        report_comparison(summary, folders, tmp_path)

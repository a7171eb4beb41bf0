"""The report of a run: what results.json says, whatever state the run is in."""

import json
import shutil

import pytest

from loopynet.report import report_run
from loopynet.run import RunFolder
from loopynet.spec import read_spec
from loopynet.training import train
from reference.html_pages import read_page
from reference.made_runs import tiny
from training.small_runs import small_spec

EVIL = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    spec = small_spec("training.keep=best", "data.split={train: 300, validation: 60, test: 90}")
    return train(spec, str(tmp_path_factory.mktemp("report") / "first")).run


@pytest.fixture
def copied(trained, tmp_path):
    return RunFolder(shutil.copytree(trained.path, tmp_path / "copied"))


def page_of(run):
    path = report_run(run)
    assert path == run.path / "report.html"
    return read_page(path.read_text(encoding="utf-8"))


def test_the_figures_are_those_of_results_json(trained):
    results = trained.read_json("results.json")
    page = page_of(trained)
    head, *rows = page.tables["Accuracy and loss of the kept weights"]
    assert head == ["images", "accuracy, %", "loss, nats", "n"]
    assert [row[0] for row in rows] == ["train", "validation", "test"]
    for part, accuracy, loss, n in rows:
        assert accuracy == f"{100 * results[part]['accuracy']:.2f}"
        assert loss == f"{results[part]['loss']:.4f}"
        assert int(n) == results[part]["images"]
    assert [row[3] for row in rows] == ["300", "60", "90"]
    steps = page.tables["Accuracy and loss at every unroll"][1:]
    assert [row[3] for row in steps] == [f"{100 * a:.2f}" for a in results["test"]["accuracies"]]
    assert [row[2] for row in steps] == [f"{x:.4f}" for x in results["validation"]["losses"]]


def test_the_page_has_curves_unrolls_costs_drawings_config_data_and_command(trained):
    page = page_of(trained)
    said = [alt for _, alt in page.figures]
    for part in ("accuracy over 3 epochs", "loss over 3 epochs", "Test accuracy by unroll",
                 "Main stack: input", "with its 3 unrolls drawn"):  # fmt: skip
        assert sum(part in alt for alt in said) == 1, part
    costs = dict(page.tables["Of the network and of its training"])
    count = sum(weight.numel() for weight in trained.network().parameters())
    assert costs["parameters"] == f"{count:,}"
    assert "seconds per epoch, median" in costs
    assert "peak memory of training" in costs
    assert dict(page.tables["Where the images come from"])["split, test"] == "90"
    assert dict(page.tables["Environment"])["seed"] == "0"
    config = (trained.path / "config.yaml").read_text()
    assert config in page.texts["code"]
    assert sum(int(row[2]) for row in page.tables["Test images by class"][1:]) == 90


def test_the_kept_epoch_is_the_best_on_validation(copied):
    lines = (copied.path / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("validation_accuracy")
    for i, accuracy in ((1, "0.3"), (2, "0.8"), (3, "0.5")):
        cells = lines[i].split(",")
        cells[column] = accuracy
        lines[i] = ",".join(cells)
    (copied.path / "metrics.csv").write_text("\n".join(lines) + "\n")
    assert "Weights kept: best on validation, epoch 2." in page_of(copied).text
    results = copied.read_json("results.json")
    copied.write_json("results.json", {**results, "kept": "last epoch"})
    assert "Weights kept: last epoch, epoch 3." in page_of(copied).text


def test_an_interrupted_run_says_so_and_shows_its_curves(copied):
    results = {**copied.read_json("results.json"), "interrupted": True, "kept": "last epoch"}
    copied.write_json("results.json", {**results, "train": None, "validation": None, "test": None})
    (copied.path / "answers.safetensors").unlink()
    page = page_of(copied)
    assert "not finished: it was interrupted; 3 of 3 epochs are done" in page.texts["p"][0]
    assert "There are no results yet" in page.text
    assert any("accuracy over 3 epochs" in alt for _, alt in page.figures)
    assert not any("unroll." in alt for _, alt in page.figures)


def test_a_run_that_was_killed_says_so(copied):
    (copied.path / "results.json").unlink()
    (copied.path / "answers.safetensors").unlink()
    assert "is not finished: 3 of 3 epochs are done, and it left no results" in page_of(copied).text


def test_a_config_alone_gives_a_page(tmp_path):
    run = RunFolder(tmp_path)
    run.write_spec(tiny("bare"))
    page = page_of(run)
    assert "not finished: 0 of 2 epochs are done" in page.text
    assert "No epoch is finished yet." in page.text
    assert any("Main stack" in alt for _, alt in page.figures)


def test_a_failed_run_says_why_and_every_text_is_text(copied):
    results = copied.path / "results.json"
    results.unlink()
    (copied.path / "failure.txt").write_text(f"{EVIL}\n")
    copied.write_json("data.json", {"class_names": [EVIL] * 10, "provenance": {"origin": EVIL}})
    environment = copied.read_json("environment.json")
    copied.write_json("environment.json", {**environment, "command": ["loopynet", EVIL]})
    page = page_of(copied)
    assert f"This run failed: {EVIL} (3 of 3 epochs are done)" in page.text
    assert dict(page.tables["Where the images come from"])["origin"] == EVIL
    assert page.tables["Test images by class"][1][0] == EVIL
    assert any(EVIL in text for text in page.texts["code"])


def test_a_run_of_an_older_version_has_what_it_has(copied):
    results = copied.read_json("results.json")
    for key in ("train", "peak_bytes", "protocol"):
        del results[key]
    copied.write_json("results.json", results)
    (copied.path / "answers.safetensors").unlink()
    page = page_of(copied)
    rows = page.tables["Accuracy and loss of the kept weights"]
    assert [row[0] for row in rows] == ["images", "validation", "test"]
    assert "peak memory of training" not in page.text


def test_the_command_of_a_module_can_be_typed(copied):
    environment = copied.read_json("environment.json")
    command = ["__main__.py", "train", "a b"]
    copied.write_json("environment.json", {**environment, "command": command})
    assert "python -m loopynet train 'a b'" in page_of(copied).texts["code"]


def test_a_report_is_replaced_and_changes_nothing_else(copied):
    (copied.path / "report.html").write_text("old")
    before = {p: p.read_bytes() for p in copied.path.rglob("*") if p.is_file()}
    page_of(copied)
    after = {p: p.read_bytes() for p in copied.path.rglob("*") if p.is_file()}
    report = copied.path / "report.html"
    assert after.pop(report) != before.pop(report)
    assert after == before
    assert read_spec(copied.path / "config.yaml") == copied.spec()
    assert json.loads((copied.path / "results.json").read_text())

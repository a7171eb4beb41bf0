"""`loopynet reproduce` as a process: real training on the digits, the table and the report."""

import json
import subprocess
import sys

import pytest

from loopynet.reproduce import EXPERIMENTS
from reference.html_pages import read_page

SMALL = ("training.epochs=2", "layers.conv_1.filters=4", "layers.conv_2.filters=4",
         "data.split={train: 200, validation: 60, test: 80}")  # fmt: skip
VERDICTS = {"holds", "does not hold", "undecided", "not measured"}


def reproduce(folder, *words):
    command = [sys.executable, "-m", "loopynet", "reproduce", *words, "--quick", "--data", "digits",
               "--jobs", "2", "--out", str(folder), "--set", *SMALL]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr
    return done.stdout


def table(page, heading):
    """Return the cells of the Markdown table below a heading, without its head."""
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0].split("\n\n")
    lines = next(part for part in section if "|" in part).strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def checked(folder, experiment):
    """Return table.md, comparison.json and report.html, after checking that they agree."""
    page = (folder / "table.md").read_text(encoding="utf-8")
    data = json.loads((folder / "comparison.json").read_text())
    report = read_page((folder / "report.html").read_text(encoding="utf-8"))
    claims = table(page, "Claims")
    assert report.tables["claim"][1:] == claims
    assert {claim[3].removesuffix(" (one seed)") for claim in claims} <= VERDICTS
    assert report.tables["Networks and settings"][1:] == table(page, "All rows")
    for row in data["rows"]:
        assert row["missing"] == 0
        assert row["failures"] == []
        (run,) = row["runs"]
        results = json.loads((folder / run / "results.json").read_text())
        assert row["test"]["mean"] == pytest.approx(results["test"]["accuracy"])
        assert results["epochs"] == 2
        read_page((folder / run / "report.html").read_text(encoding="utf-8"))
    labels = [row["label"] for row in data["rows"]]
    curves = [alt for _, alt in report.figures if alt.startswith("Learning curves of ")]
    assert len(curves) == 2 * len(labels)
    figures = table(page, "Published and measured") if EXPERIMENTS[experiment].published else []
    published = {(line[0], line[1]): line for line in figures}
    for label in labels:
        for part, figure in EXPERIMENTS[experiment].published.get(label, {}).items():
            _, _, theirs, ours, _, _ = published[label, part]
            assert theirs == f"{figure:g}"
            mean = next(row for row in data["rows"] if row["label"] == label)[part]["mean"]
            assert ours.split()[0] == f"{100 * mean:.2f}"
    return claims, labels, report


def test_figure_8(tmp_path):
    out = reproduce(tmp_path, "fig8", "--batch-size", "32")
    claims, labels, report = checked(tmp_path, "fig8")
    names = ("vanilla", "loopy", "loop-sum", "loop-mul", "deep")
    assert labels == [f"cifar10-{name}, batch size 32" for name in names]
    texts = [claim[0] for claim in claims]
    for text in ("loopy is above vanilla", "loopy is above deep", "sum is above mul",
                 "sum overfits", "mul overfits", "loopy takes about 3 times",
                 "deep takes about 3 times"):  # fmt: skip
        assert sum(text in each for each in texts) == 1, text
    by_text = {claim[0]: claim for claim in claims}
    _, published, measured, verdict = by_text["loopy is above vanilla, batch size 32"]
    assert published == "40.8 - 37.9 = +2.9"
    assert "points, n = 1" in measured
    assert verdict.endswith("(one seed)")
    assert all(claim[3] != "not measured" for claim in claims)
    assert "published figures are for other images" in report.text
    assert "cifar10-deep, batch size 32" in out


def test_mnist(tmp_path):
    reproduce(tmp_path, "mnist")
    claims, labels, report = checked(tmp_path, "mnist")
    assert labels == [f"mnist-loopy, steps {k}" for k in (1, 2, 3)]
    assert [claim[0] for claim in claims] == [
        f"validation accuracy is about 97 % with k = {k}" for k in (1, 2, 3)
    ]
    assert all(claim[1] == "97" and claim[2].endswith("n = 1") for claim in claims)
    steps = report.tables["Test accuracy at each unroll in percent, means over seeds"][1:]
    assert [sum(map(bool, row[1:])) for row in steps] == [2, 3]


def test_truncated(tmp_path):
    reproduce(tmp_path, "truncated")
    claims, labels, _ = checked(tmp_path, "truncated")
    gradients = ("full", "{type: truncated, steps: 1}")
    assert labels == [f"cifar10-loopy, gradient {gradient}" for gradient in gradients]
    ((text, _, measured, _),) = claims
    assert text == "the gradient of the last unroll costs at most 1 point"
    assert "points, n = 1" in measured

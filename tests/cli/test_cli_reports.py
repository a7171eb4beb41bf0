"""Reports that the command line writes when work is done, and what happens if they cannot be."""

import subprocess
import sys

import pytest

from loopynet.cli.reports import report_must_not_fail
from loopynet.errors import LoopyNetWarning
from reference.html_pages import read_page

SMALL = ("--set", "training.epochs=1", "layers.conv_1.filters=8", "layers.conv_2.filters=8",
         "layers.conv_3.filters=8", "data.split={train: 64, validation: 32, test: 32}",
         )  # fmt: skip


def run(folder, *words):
    command = [sys.executable, "-m", "loopynet", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_any_failure_becomes_one_warning(tmp_path):
    with (
        pytest.warns(LoopyNetWarning, match=r"no report\.html was written \(no room\)"),
        report_must_not_fail(tmp_path),
    ):
        raise ZeroDivisionError("no room")
    with pytest.raises(KeyboardInterrupt), report_must_not_fail(tmp_path):
        raise KeyboardInterrupt


def test_train_leaves_a_report_and_report_writes_it_again(tmp_path):
    done = run(tmp_path, "train", "digits-loopy", *SMALL, "--run", "first")
    assert done.returncode == 0, done.stderr
    report = tmp_path / "runs" / "first" / "report.html"
    page = read_page(report.read_text(encoding="utf-8"))
    shown = page.tables["Accuracy and loss of the kept weights"][3][1]
    assert f"test accuracy {shown} %" in done.stdout
    report.unlink()
    done = run(tmp_path, "report", "first")
    assert (done.returncode, done.stderr) == (0, "wrote runs/first/report.html\n")
    again = read_page(report.read_text(encoding="utf-8"))
    assert again.tables == page.tables


def test_a_report_that_cannot_be_written_loses_no_run(tmp_path):
    folder = tmp_path / "runs" / "first"
    (folder / "checkpoints").mkdir(parents=True)
    done = run(tmp_path, "train", "digits-loopy", *SMALL, "--run", "other")
    (folder / "config.yaml").write_text((tmp_path / "runs/other/config.yaml").read_text())
    (folder / "report.html").mkdir()  # nothing can take its place
    done = run(tmp_path, "resume", "first")
    assert done.returncode == 0
    assert "test accuracy" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("loopynet: warning: runs/first: no report.html was written (")
    assert (folder / "results.json").is_file()


def test_a_damaged_run_is_named_by_report(tmp_path):
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    done = run(tmp_path, "report", "first")
    assert done.returncode == 1
    assert 'loopynet: "first" is no run folder' in done.stderr
    (folder / "config.yaml").write_text("name: [\n")
    done = run(tmp_path, "report", "first")
    assert done.returncode == 1
    assert "config.yaml" in done.stderr
    assert "Traceback" not in done.stderr

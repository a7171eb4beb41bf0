"""loopynet bench, as a process on a tiny setting."""

import json
import re
import subprocess
import sys

from loopynet.cli.main import main

TINY = ["--quick", "--network", "mnist-loopy", "--set", "layers.conv_1.filters=4",
        "--batch-size", "2", "--rounds", "2", "--no-compile", "--threads", "1"]  # fmt: skip


def bench(folder, *words):
    command = [sys.executable, "-m", "loopynet", "bench", *TINY, "--out", str(folder), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


def test_bench_measures_judges_and_keeps_its_results(tmp_path):
    done = bench(tmp_path, "--only", "same", "linear", "--note", "A test.")
    assert "warning" not in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2 cells in ")
    assert [line.split(":")[0] for line in lines[1:3]] == ["1/2  same", "2/2  linear"]
    found = re.fullmatch(r"([01]) of 1 targets met, \d+ not measured", lines[-1])
    assert found, done.stdout + done.stderr
    assert done.returncode == (found[1] == "0")  # whichever the machine lets happen
    assert len(re.findall(r"^(met|missed) ", done.stdout, re.MULTILINE)) == 1
    data = json.loads((tmp_path / "cpu" / "linear.json").read_text())
    assert data["note"] == "A test."
    assert {k: len(v) for k, v in data["result"]["seconds"].items()}["64"] == 2
    same = json.loads((tmp_path / "cpu" / "same.json").read_text())["result"]
    assert same["3"]["ours"]["gradients"] < 1e-10
    assert [path.name for path in tmp_path.iterdir()] == ["cpu"]


def test_mistakes_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "--only", "stepps"]) == 1
    assert 'Did you mean "steps"?' in capsys.readouterr().err
    other = ["bench", *TINY, "--only", "same", "--set", "loops.feedback.merge=mul"]
    assert main(other) == 1
    error = capsys.readouterr().err
    assert "has no hand-written opponent" in error
    assert error.count("\n") == 1

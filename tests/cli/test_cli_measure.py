"""loopynet measure, as a process."""

import json
import subprocess
import sys
from pathlib import Path

from loopynet import load_spec
from loopynet.cli.main import main
from loopynet.training import train

LOOPYNET = Path(sys.executable).with_name("loopynet")


def run(*arguments, cwd):
    return subprocess.run(
        [LOOPYNET, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300
    )


def test_measure_prints_tables_and_writes_data_and_figures(tmp_path):
    spec = load_spec(
        "digits-loopy",
        ("training.epochs=1", *(f"layers.conv_{i}.filters=4" for i in (1, 2, 3))),
    )
    train(spec, str(tmp_path / "runs/first"))
    done = run("measure", "first", "--images", "40", "--unrolls", "5", "--note", "A note.",
               cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| 5 |" in done.stdout
    assert "Note: A note." in done.stdout
    assert done.stderr.count("warning") >= 1
    folder = tmp_path / "runs/first/measurements"
    data = json.loads((folder / "measurements.json").read_text())
    assert data["command"] == "loopynet measure first --images 40 --unrolls 5"
    assert data["images"] == 40
    assert len(data["dynamics"]["unrolls"]) == 5
    assert (folder / "measurements.md").read_text() in done.stdout
    assert {path.name for path in folder.glob("*.png")} == {
        "dynamics.png", "movement.png", "gradients.png", "linearity.png", "faithfulness.png",
    }  # fmt: skip


def test_a_wrong_run_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["measure", "second"]) == 1
    assert "there are no runs here yet" in capsys.readouterr().err

"""The `compare` command as a process: failures, kills, several jobs."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

SMALL = ("training.epochs=3", "layers.conv_1.filters=8", "layers.conv_2.filters=8",
         "layers.conv_3.filters=8", "data.split={train: 300, validation: 40, test: 60}",
         )  # fmt: skip


def compare(*arguments, **options):
    command = [sys.executable, "-m", "loopynet", "compare", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, **options,
    )  # fmt: skip


def figures(folder: Path) -> dict:
    """Return a comparison's data without what differs from run to run: times and memory."""
    data = json.loads((folder / "comparison.json").read_text())
    for row in data["rows"]:
        del row["seconds_per_epoch"], row["peak_bytes"]
    del data["command"]
    return data


def arguments(folder: Path) -> tuple[str, ...]:
    return ("digits-loopy", "--set", *SMALL, "--seeds", "2", "--out", str(folder))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    process = compare(*arguments(folder))
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return folder, output


def test_the_table_and_the_files_are_there(undisturbed):
    folder, output = undisturbed
    assert "| digits-loopy | 2 | 3 |" in output
    assert "digits-loopy, seed 1: done, test accuracy" in output
    for name in ("table.md", "comparison.json", "report.html"):
        assert (folder / name).is_file()
    assert "digits-loopy" in (folder / "report.html").read_text()


def test_a_finished_comparison_runs_nothing_again(undisturbed):
    folder, _ = undisturbed
    runs = sorted(folder.glob("*/results.json"))
    before = [(path, path.stat().st_mtime_ns) for path in runs]
    process = compare(*arguments(folder))
    output, _ = process.communicate(timeout=120)
    assert "2 of them finished already" in output
    assert before == [(path, path.stat().st_mtime_ns) for path in runs]


@pytest.mark.parametrize("whole_group", [True, False], ids=["with its runs", "alone"])
def test_killed_at_random_and_started_again_it_gives_the_same(undisturbed, tmp_path, whole_group):
    """Without `whole_group` the runs live on, and the second comparison must wait for them."""
    expected, _ = undisturbed
    chance = random.Random(str(tmp_path))
    for _ in range(2):
        process = compare(*arguments(tmp_path))
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=chance.uniform(3, 14))
        kill = os.killpg if whole_group else os.kill
        with suppress(ProcessLookupError):
            kill(process.pid, signal.SIGKILL)
        process.communicate()
    process = compare(*arguments(tmp_path))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert figures(tmp_path) == figures(expected)


def test_a_failed_run_is_shown_and_does_not_stop_the_others(tmp_path):
    process = compare(
        "digits-loopy", "--set", *SMALL, "training.epochs=1",
        "--vary", "training.learning_rate", "1e30", "0.001", "--out", str(tmp_path), "--jobs", "2",
    )  # fmt: skip
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "1 of 2 runs failed: digits-loopy, learning rate 1e30, seed 0" in errors
    assert "Traceback" not in errors
    rows = json.loads((tmp_path / "comparison.json").read_text())["rows"]
    assert rows[0]["failures"][0].startswith("seed 0: the loss became")
    assert rows[1]["test"]["mean"] > 0
    assert "learning rate 0.001" in output


def test_ctrl_c_saves_what_the_runs_have(tmp_path):
    process = compare(
        "digits-loopy", "--set", *SMALL, "training.epochs=2000", "--out", str(tmp_path)
    )
    waited = time.monotonic() + 120
    while not list(tmp_path.glob("*/metrics.csv")) and time.monotonic() < waited:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    (run,) = (path.parent for path in tmp_path.glob("*/config.yaml"))
    assert json.loads((run / "results.json").read_text())["interrupted"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["digits-loopy", "digits-loopy"], 'two specs are named "digits-loopy"'),
        (["digits-loopy", "--baseline", "digit-loopy"], 'did you mean "digits-loopy"'),
        (["digits-loopy", "--vary", "unroll.steps"], "write its values after the key"),
        (["digits-loopy", "--vary", "training.seed", "1"], "write --seeds"),
        (["digits-loopy", "--vary", "layers.conv_1.filters", "0"], "filters"),
    ],
)
def test_mistakes_are_named(tmp_path, words, message):
    process = compare(*words, "--out", str(tmp_path / "none"))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert message.lower() in errors.lower()
    assert "Traceback" not in errors
    assert not (tmp_path / "none").exists()

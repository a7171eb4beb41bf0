"""Kills training processes at random moments, and compares what they end with to a run left alone.

python benchmarks/reliability/kills.py [--kills 50]

Writes results/reliability/kills.json.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from loopynet.run import RunFolder
from loopynet.run.checkpoints import checkpoints, is_whole
from loopynet.training.repeat import compare_runs

RESULTS = Path(__file__).parents[2] / "results" / "reliability" / "kills.json"
SMALL = (
    "layers.conv_1.filters=8", "layers.conv_2.filters=8", "layers.conv_3.filters=8",
    "training.early_stopping={patience: 1000}", "training.keep=best",
    "training.learning_rate_schedule=cosine", "norm={type: batch, over_time: per_step}",
    "training.augmentation=[{type: crop, padding: 1}]", "training.average=0.9",
    "training.checkpoint_every=10",
)  # fmt: skip
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


def command(*words: str) -> list[str]:
    """Return the arguments of a process of the command line."""
    return [sys.executable, "-m", "loopynet", *words]


def train_command(folder: Path, epochs: int, seed: int) -> list[str]:
    """Return the arguments of a training run."""
    changes = [*SMALL, f"training.epochs={epochs}", f"training.seed={seed}"]
    return command("train", "digits-loopy", "--run", str(folder), "--set", *changes)


def killed_run(folder: Path, epochs: int, seed: int, kills: int, draws: random.Random) -> list[str]:
    """Train, kill up to so many times, go on each time; returns the names of the signals sent.

    Half of the kills come at once after a file was written, the others at any moment.
    """
    sent: list[str] = []
    words = train_command(folder, epochs, seed)
    while True:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if len(sent) < kills and _wait(process, folder, draws):
            chosen = draws.choice(SIGNALS)
            process.send_signal(chosen)
            sent.append(chosen.name)
        assert process.stderr is not None
        said = process.stderr.read().decode()
        status = process.wait()
        assert "Traceback" not in said, said
        started = (folder / "config.yaml").is_file()
        if status == 0 and (folder / "results.json").is_file() and _finished(folder):
            return sent
        assert status in (0, 1, 130, 143, *(-s for s in SIGNALS)), (status, said)
        assert_whole(folder)
        words = command("resume", str(folder)) if started else train_command(folder, epochs, seed)


def _finished(folder: Path) -> bool:
    return json.loads((folder / "results.json").read_text())["interrupted"] is False


def _wait(process: subprocess.Popen[bytes], folder: Path, draws: random.Random) -> bool:
    """Wait for the moment of a kill; False if the process ended before it."""
    after_write, seconds = draws.random() < 0.5, draws.uniform(0.0, 4.0)
    before, began = _stamp(folder), time.monotonic()
    while process.poll() is None:
        if time.monotonic() - began > (60 if after_write else 3 + seconds):
            return True
        if after_write and _stamp(folder) != before and draws.random() < 0.3:
            return True
        time.sleep(0.002)
    return False


def _stamp(folder: Path) -> tuple[tuple[str, int], ...]:
    """Return what tells whether a file was written."""
    found = []
    for home, _, names in os.walk(folder):
        for name in names:
            try:
                found.append((name, os.stat(os.path.join(home, name)).st_mtime_ns))  # noqa: PTH118, PTH116
            except OSError:
                continue
    return tuple(sorted(found))


def assert_whole(folder: Path) -> None:
    """Raise AssertionError if a file of a killed run is not whole."""
    for file in checkpoints(folder / "checkpoints"):
        assert is_whole(file), f"{file} is damaged"
    for file in folder.glob("*.json"):
        json.loads(file.read_text())
    if (folder / "metrics.csv").is_file():
        lines = (folder / "metrics.csv").read_text().splitlines()
        assert len({line.count(",") for line in lines}) == 1, "a broken line in metrics.csv"


def campaign(kills: int, epochs: int, seed: int = 0) -> dict[str, object]:
    """Kill runs until there are so many kills; returns what happened."""
    draws, sent, differ = random.Random(seed), [], []
    runs, began = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        while len(sent) < kills:
            alone, killed = Path(home) / f"alone-{runs}", Path(home) / f"killed-{runs}"
            subprocess.run(train_command(alone, epochs, runs), check=True, capture_output=True)
            sent += killed_run(killed, epochs, runs, kills - len(sent), draws)
            found = compare_runs(RunFolder(alone), RunFolder(killed))
            differ += [] if found.equal else [found.lines()]
            runs += 1
            print(f"{len(sent)} kills in {runs} runs, {len(differ)} differ")
    return {
        "kills": len(sent), "by_signal": {s.name: sent.count(s.name) for s in SIGNALS},
        "runs": runs, "epochs": epochs, "checkpoint_every": 10,
        "runs_that_differ": len(differ), "differences": differ,
        "seconds": round(time.monotonic() - began), "torch": torch.__version__,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the campaign and write what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args(arguments)
    found = campaign(options.kills, options.epochs)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {RESULTS}")
    if found["runs_that_differ"]:
        sys.exit(1)


if __name__ == "__main__":
    main()

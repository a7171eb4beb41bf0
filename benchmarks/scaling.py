"""Measures what two processes on one machine gain: training in turns with one and with two.

LOOPYNET_DATA=FOLDER python benchmarks/scaling.py [--rounds N]

Each process has one thread of torch. An epoch's time is that of metrics.csv, validation included;
the first epoch of a run is left out, which has what happens once. The figures go to
results/scaling.json and into docs/scaling.md.
"""

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parent.parent
FILE = ROOT / "results" / "scaling.json"
PAGE = ROOT / "docs" / "scaling.md"
HEAD = "## What two processes gain"
COMMAND = "    LOOPYNET_DATA=FOLDER python benchmarks/scaling.py"
NOT_MEASURED = f"""\
Not measured yet: that needs two cores with nothing else to do.

{COMMAND}"""
MEASURED = f"""\
{{network}}, {{images}} images of CIFAR-10, float32, torch {{torch}}, {{cores}} cores, one thread
for each process. Medians of {{rounds}} rounds in which one process and two take turns, and the
least and the largest speed-up of a round; an epoch has its validation in it.
{{note}}

{{table}}

{COMMAND}"""
NETWORK, EPOCHS = "cifar10-loopy", 3
CHANGES = (
    "data.name=cifar10",
    "data.split={train: 1280, validation: 128, test: 100}",
    f"training.epochs={EPOCHS}",
    "training.device=cpu",
    "training.speed.compile=false",
)
SIZES = (32, 128)


def seconds(size: int, devices: int, folder: Path) -> list[float]:
    """Return the time of each epoch but the first of a new run."""
    run = folder / f"{size}-{devices}-{len(list(folder.iterdir()))}"
    words = ["train", NETWORK, "--devices", str(devices), "--run", str(run)]
    words += ["--set", *CHANGES, f"training.batch_size={size}"]
    subprocess.run(
        [sys.executable, "-m", "loopynet", *words],
        check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        return [float(row["seconds"]) for row in csv.DictReader(file)][1:]


def case(size: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Return the times of a batch size, one process and two in turns."""
    times: dict[int, list[list[float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for devices, found in times.items():
            found.append(seconds(size, devices, folder))
            print(size, devices, found[-1], flush=True)
    return {"batch_size": size, "one": times[1], "two": times[2]}


def speed_ups(one: dict[str, Any]) -> list[float]:
    """Return the speed-up of each round, from the median epoch of each of its two runs."""
    middle = statistics.median
    return [middle(a) / middle(b) for a, b in zip(one["one"], one["two"], strict=True)]


def section(data: dict[str, Any] | None) -> str:
    """Return what docs/scaling.md says of two processes; None if nothing was measured."""
    if data is None:
        return NOT_MEASURED
    rows = ["| batch size | an epoch, one process | two processes | speed-up |"]
    rows.append("| --- | --- | --- | --- |")
    for one in data["cases"]:
        found = speed_ups(one)
        alone, both = (statistics.median(s for run in one[k] for s in run) for k in ("one", "two"))
        gain = f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
        rows.append(f"| {one['batch_size']} | {alone:.1f} s | {both:.1f} s | {gain} |")
    table = "\n".join(rows)
    return MEASURED.format(table=table, **data, images="1,280")


def page(text: str) -> str:
    """Return the text of docs/scaling.md with the section that the kept figures give."""
    data = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else None
    before, rest = text.split(HEAD)
    return before + HEAD + "\n\n" + section(data) + "\n\n##" + rest.split("\n##", 1)[1]


def main() -> None:
    """Measure and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--note", default="", help="a sentence about the machine")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = [case(size, options.rounds, Path(folder)) for size in SIZES]
    data = {
        "network": NETWORK, "changes": CHANGES, "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(), "torch": torch.__version__, "rounds": options.rounds,
        "note": options.note, "cases": cases,
    }  # fmt: skip
    FILE.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(section(data))


if __name__ == "__main__":
    main()

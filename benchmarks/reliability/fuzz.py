"""The campaigns that look for input which a reader neither takes nor refuses.

    python benchmarks/reliability/fuzz.py       # every target, until its inputs are done
    python benchmarks/reliability/fuzz.py config --inputs 20000 --seconds 300

Coverage-guided by atheris for the quick readers (`pip install atheris`), by hypothesis for the
slow ones. What was done is added to results/reliability/fuzz.json, so that a campaign can be
stopped and continued; the corpora stay in runs/fuzz. A finding is an exception that is none of
ours, a crash, or an input that takes more than 5 s.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_seeds import ROOT, seeds, words
from fuzz_targets import CHEAP, TARGETS

RESULTS = ROOT / "results/reliability/fuzz.json"
WORK = ROOT / "runs/fuzz"
SLICE = 240
"""Seconds of one process: what it did is kept after each."""

GOALS = {
    "config": 150_000, "override": 200_000, "literal": 500_000, "weights": 150_000,
    "answers": 60_000, "image": 80_000, "idx": 50_000, "run_files": 100_000,
    "written": 10_000, "parquet": 1_000, "report": 1_000, "command": 5_000,
}  # fmt: skip
"""Inputs of each target that a campaign gives in all."""


def main() -> int:
    """Run the targets in turn, a slice each, until all have their inputs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, help="of each target, in all sessions together")
    parser.add_argument("--seconds", type=int, default=10**6, help="stop after so many")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    open_targets = list(options.targets or TARGETS)
    while open_targets and time.monotonic() < end:
        for name in list(open_targets):
            left = (options.inputs or GOALS[name]) - _done().get(name, {}).get("inputs", 0)
            if left <= 0 or time.monotonic() > end:
                open_targets.remove(name)
                continue
            _session(name, left, int(min(SLICE, end - time.monotonic())) + 1)
    found = _done()
    total = sum(done["inputs"] for done in found.values())
    print(f"{total:,} inputs in all; findings: {sum(len(d['findings']) for d in found.values())}")
    return 0


def _session(name: str, inputs: int, seconds: int) -> None:
    """Run one process and add what it did to the results."""
    work = WORK / name
    _prepare(name, work)
    (work / "findings/counts.json").unlink(missing_ok=True)
    engine = "fuzz_worker.py" if name in CHEAP else "fuzz_hypothesis.py"
    seed = int(time.time()) % 2**31
    script = Path(__file__).with_name(engine)
    call = [sys.executable, script, name, work, str(inputs), str(seconds), str(seed)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    if extra := os.environ.get("FUZZ_PYTHONPATH"):
        environment["PYTHONPATH"] += f":{extra}"
    log = work / "log.txt"
    with log.open("w") as file:
        status = subprocess.run([str(word) for word in call], stdout=file, stderr=file,
                                env=environment, cwd=ROOT, check=False).returncode  # fmt: skip
    text = log.read_text(encoding="utf-8", errors="replace")
    _add(name, work, text, status)


def _prepare(name: str, work: Path) -> None:
    for folder in ("corpus", "findings"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (work / f"corpus/seed-{number:03}").write_bytes(seed)
    for kept in (ROOT / "tests/security/corpus" / name).glob("*"):
        (work / f"corpus/kept-{kept.name}").write_bytes(kept.read_bytes())
    lines = [f'"{_escaped(word)}"' for word in words(name)]
    (work / "words.dict").write_text("\n".join(lines) + "\n")


def _escaped(word: str) -> str:
    return "".join(
        chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else f"\\x{b:02x}" for b in word.encode()
    )


def _add(name: str, work: Path, log: str, status: int) -> None:
    """Add a session to the results."""
    found = _done()
    done = found.setdefault(
        name,
        {
            "engine": "atheris" if name in CHEAP else "hypothesis", "inputs": 0, "taken": 0,
            "refused": 0, "seconds": 0.0, "slowest_seconds": 0.0, "sessions": 0, "findings": [],
            "mended": [],
        },
    )  # fmt: skip
    counts = work / "findings/counts.json"
    said = json.loads(counts.read_text()) if counts.is_file() else {}
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", log)
    done["inputs"] += max(said.get("inputs", 0), int(executed[-1]) if executed else 0)
    for key in ("taken", "refused"):
        done[key] += said.get(key, 0)
    done["seconds"] = round(done["seconds"] + said.get("seconds", 0.0), 1)
    done["slowest_seconds"] = round(max(done["slowest_seconds"], said.get("slowest", 0.0)), 2)
    done["sessions"] += 1
    if covered := re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", log):
        edges, features, corpus = map(int, covered[-1])
        done["edges"], done["features"], done["corpus"] = edges, features, corpus
    _add_findings(done, work, status, log)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    print(f"{name}: {done['inputs']:,} inputs, {len(done['findings'])} findings", flush=True)


def _add_findings(done: dict[str, Any], work: Path, status: int, log: str) -> None:
    known = {finding["key"] for finding in done["findings"]}
    for file in sorted((work / "findings").glob("*.json")):
        if file.stem not in known and file.stem != "counts":
            done["findings"].append({"key": file.stem, **json.loads(file.read_text())})
    if status:  # the process itself died: libFuzzer leaves the input in a file
        crashes = sorted(p.name for p in (work / "findings").glob("*-*"))
        reason = next((line for line in log.splitlines() if "ERROR" in line), "")[:200]
        for name in crashes or [f"status {status}"]:
            if name not in known:
                died = {"key": name, "error": f"died ({status})", "message": reason}
                done["findings"].append(died)


def _done() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


if __name__ == "__main__":
    sys.exit(main())

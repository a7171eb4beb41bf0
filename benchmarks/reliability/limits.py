"""Hostile network files, each in a process of its own: seconds and memory until it is refused.

    python benchmarks/reliability/limits.py         # writes results/reliability/limits.json

Seconds are those of the processor, as other programs may run beside; `loopynet --version` is what
Python and imports take. Memory is the peak of the whole process.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results/reliability/limits.json"
REPEATS = 5

_HEAD = "name: x\ninput: {shape: [1, 8, 8]}\n"
_SMALL = (
    _HEAD + "layers: {a: {type: conv2d, filters: 4}, b: {type: dense, units: 10}}\nmain: [a, b]\n"
)
_LOOPY = (
    _HEAD + "layers: {a: {type: conv2d, filters: 4, padding: same}, "
    "c: {type: conv2d, filters: 1, padding: same}, b: {type: dense, units: 10}}\n"
    "main: [a, c, b]\nloops: {l: {from: c, to: a}}\n"
)


@dataclass(frozen=True)
class Case:
    """A hostile file and the command that meets it.

    Attributes:
        words: of the command line; `FILE` stands for the file.
        content: the text, or a function that writes a file which is too large to hold.
        refused: whether the command must refuse it.
    """

    words: tuple[str, ...]
    content: str | Callable[[Path], None]
    refused: bool = True


def _sparse(size: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b"name: ")
            file.truncate(size)

    return write


def _chain(count: int) -> str:
    names = [f"l{i}" for i in range(count)]
    layers = "".join(f"  {name}: {{type: dense, units: 10}}\n" for name in names)
    return f"name: x\ninput: {{shape: [10]}}\nlayers:\n{layers}main: [{', '.join(names)}]\n"


_CHECK = ("check", "FILE")
_IMPORT = ("import", "FILE")
_LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)
)

CASES: dict[str, Case] = {
    "10^9 filters": Case(_CHECK, _SMALL.replace("filters: 4", "filters: 1000000000")),
    "10^30 filters": Case(_CHECK, _SMALL.replace("filters: 4", f"filters: 1{'0' * 30}")),
    "10^9 units": Case(_CHECK, _SMALL.replace("units: 10", "units: 1000000000")),
    "an input of 10^27 numbers": Case(
        _CHECK, _SMALL.replace("[1, 8, 8]", f"[{', '.join(['1' + '0' * 9] * 3)}]")
    ),
    "10^6 unrolls": Case(_CHECK, _LOOPY + "unroll: {steps: 1000000}\n"),
    "10^4 unrolls": Case(_CHECK, _LOOPY + "unroll: {steps: 10000}\n", refused=False),
    "10^4 untied unrolls": Case(_CHECK, _LOOPY + "unroll: {steps: 10000, tied: false}\n", False),
    "10^4 unrolls described": Case(
        ("describe", "FILE"), _LOOPY + "unroll: {steps: 10000}\n", False
    ),
    "10^4 unrolls drawn": Case(
        ("draw", "FILE", "--unrolled", "-o", "out.svg"), _LOOPY + "unroll: {steps: 10000}\n", False
    ),
    "a string of 10 GB": Case(_CHECK, _sparse(10**10)),
    "a string of 900 kB": Case(_CHECK, _HEAD + f"main: {'x' * 900_000}\n"),
    "a number of 900,000 digits": Case(_CHECK, _HEAD + f"main: {'9' * 900_000}\n"),
    "aliases that expand to 10^37 values": Case(_CHECK, _LAUGHS),
    "100,000 levels": Case(_CHECK, "[" * 100_000),
    "50,000 layers": Case(
        _CHECK, _HEAD + "layers:\n" + "".join(f"  a{i}: 1\n" for i in range(50_000))
    ),
    "199,000 short lines": Case(_CHECK, "a: b\n" * 199_000 + "c: d"),
    "5,000 dense layers": Case(_CHECK, _chain(5_000), refused=False),
    "an old file of 10 GB": Case(_IMPORT, _sparse(10**10)),
    "an old file of 100,000 levels": Case(_IMPORT, "[" * 100_000),
    "an old file of 300,000 signs": Case(_IMPORT, "{'a': " + "-" * 300_000 + "1}"),
    "an old file of a power": Case(_IMPORT, "{'a': 9**9**9**9}"),
    "10^6 filters, a control of as many parameters": Case(
        ("control", "FILE", "--same-parameters"), _LOOPY.replace("filters: 4", "filters: 1000000")
        + "unroll: {steps: 3}\n", refused=False,
    ),
}  # fmt: skip


def run(case: Case, limit: int | None = None, timeout: float | None = 60) -> tuple[float, int, str]:
    """Run a case.

    Args:
        case: the case.
        limit: bytes of address space that the process may have.
        timeout: seconds after which it is killed.

    Returns:
        Seconds, peak memory in bytes, and what was written to the standard error.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "FILE"
        if callable(case.content):
            case.content(file)
        else:
            file.write_text(case.content)
        return _run([sys.executable, "-m", "loopynet", *case.words], folder, limit, timeout, case)


def run_words(words: list[str], limit: int) -> tuple[float, int, str]:
    """Run Python with these words and a limit; returns the same as `run`."""
    return _run([sys.executable, *words], str(ROOT), limit, 60, None)


def _run(
    words: list[str], folder: str, limit: int | None, timeout: float | None, case: Case | None
) -> tuple[float, int, str]:
    def bounded() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    began = _processor_seconds()
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=bounded, env=environment,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        _, said = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return float("inf"), 0, "timed out"
    seconds = _processor_seconds() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    wanted = 1 if case is None or case.refused else 0
    if case is not None and (process.returncode != wanted or "Traceback" in said):
        said = f"status {process.returncode}: {said[-2000:]}"
    return seconds, usage, said


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Measure all cases and write them."""
    only = sys.argv[1:]
    found: dict[str, object] = json.loads(RESULTS.read_text()) if only else {}
    for name in only or ["nothing (loopynet --version)", *CASES]:
        # a process for each case: the peak of children never falls
        script = [sys.executable, __file__, "--one", name]
        found[name] = json.loads(subprocess.check_output(script, text=True))
        print(f"{name}: {found[name]}", flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def one(name: str) -> dict[str, object]:
    """Measure one case, several times."""
    seconds, peak, said = [], 0, ""
    for _ in range(REPEATS):
        if name in CASES:
            took, peak, said = run(CASES[name])
        else:
            words = [sys.executable, "-m", "loopynet", "--version"]
            took, peak, said = _run(words, str(ROOT), None, 60, None)
        seconds.append(round(took, 2))
        if took > 20:
            break
    return {"seconds": sorted(seconds), "peak_mib": round(peak / 2**20), "said": said[:160]}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2])))
    else:
        sys.exit(main())

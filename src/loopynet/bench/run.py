"""Runs cells that are not finished, and keeps each result in a JSON file of its own."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from loopynet.bench.cells import GROUPS, Cell
from loopynet.bench.measures import MEASURES
from loopynet.bench.same import BenchError
from loopynet.bench.turns import Place
from loopynet.errors import did_you_mean
from loopynet.run import RunFolder
from loopynet.training.environment import describe_environment

Results = dict[str, dict[str, Any]]
"""For each cell's name what its file holds: group, settings, result, environment, seconds."""


def run_cells(
    wanted: Sequence[Cell],
    folder: Path,
    device: str,
    threads: int,
    *,
    again: bool,
    note: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Results:
    """Measure the cells that are not finished, and return all results.

    Args:
        wanted: the cells.
        folder: where their files are.
        device: cpu or cuda.
        threads: of torch, in each process.
        again: measure finished cells anew.
        note: a sentence about the machine, kept with each cell.
        say: called with a line for each cell.

    Raises:
        BenchError: contenders do not compute the same, or none could be run.
    """
    kept = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="loopynet-bench-", ignore_cleanup_errors=True)
        )
        place = stack.enter_context(closing(Place(device, threads, Path(scratch))))
        for number, cell in enumerate(wanted, 1):
            head = f"{number}/{len(wanted)}  {cell.name}"
            if not again and _is_finished(folder, cell, threads):
                say(f"{head}: finished already")
                continue
            began, load = time.perf_counter(), _load()
            result = _measure(cell, place)
            seconds = time.perf_counter() - began
            kept.write_json(
                f"{cell.name}.json",
                {
                    "group": cell.group,
                    "kind": cell.kind,
                    "settings": cell.settings,
                    "threads": threads,
                    "result": result,
                    "seconds": round(seconds, 1),
                    "load_before": load,
                    "note": note,
                    "environment": _environment(device, threads),
                },
            )
            say(f"{head}: {seconds:.0f} s{_left_out(result)}")
    return read_results(folder, [cell.name for cell in wanted])


def read_results(folder: Path, names: Sequence[str] | None = None) -> Results:
    """Return the results that lie in a folder, by the names of their cells.

    Args:
        folder: where the files are.
        names: those that are wanted; all if None.
    """
    files = sorted(folder.glob("*.json"))
    return {
        file.stem: json.loads(file.read_text(encoding="utf-8"))
        for file in files
        if names is None or file.stem in names
    }


def check_groups(names: Sequence[str]) -> None:
    """Raise BenchError if one of the names is no group of cells."""
    for name in names:
        if name not in GROUPS:
            known = ", ".join(GROUPS)
            raise BenchError(f'--only "{name}": write of {known}.{did_you_mean(name, GROUPS)}')


def check_device(device: str) -> None:
    """Raise BenchError if the device is not there."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError("torch finds no CUDA device on this machine; leave --device out")


def _measure(cell: Cell, place: Place) -> dict[str, Any]:
    try:
        return MEASURES[cell.kind](cell.settings, place)
    except BenchError as error:
        raise BenchError(f"{cell.name}: {error}") from None


def _is_finished(folder: Path, cell: Cell, threads: int) -> bool:
    found = read_results(folder, [cell.name]).get(cell.name)
    return found is not None and (found["settings"], found["threads"]) == (cell.settings, threads)


def _left_out(result: dict[str, Any]) -> str:
    skipped = result.get("skipped") or {}
    return "".join(f"; {name} left out: {why}" for name, why in skipped.items())


def _load() -> float:
    """Return how many processes wanted to run in the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def _environment(device: str, threads: int) -> dict[str, Any]:
    return {
        **describe_environment(0, device),
        "torch_threads": threads,
        "processor": _processor(device),
    }


def _processor(device: str) -> str:
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else ""

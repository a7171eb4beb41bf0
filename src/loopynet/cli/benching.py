"""The command bench: how fast we are, and which targets that meets."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loopynet.cli.terminal import terminal

if TYPE_CHECKING:
    from loopynet.bench.targets import Verdict


def run_bench(options: argparse.Namespace) -> int:
    """Measure, and judge; returns 1 if a target is missed."""
    from loopynet.bench.accuracy import accuracy_loss
    from loopynet.bench.cells import NETWORK, Size, cells
    from loopynet.bench.run import check_device, check_groups, run_cells
    from loopynet.bench.targets import closing_line, judge

    check_groups(options.only)
    check_device(options.device)
    size = Size(
        options.quick,
        options.network or NETWORK,
        tuple(options.changes),
        tuple(options.batch_size or ()),
        options.rounds,
        options.compiling,
        tuple(options.only),
    )
    folder = Path(options.out or f"runs/bench{'-quick' if options.quick else ''}") / options.device
    threads = options.threads or len(os.sched_getaffinity(0))
    console = terminal()
    wanted = cells(size)
    console.print(f"{len(wanted)} cells in {folder}, {options.device}, {threads} thread(s)")
    results = run_cells(
        wanted, folder, options.device, threads,
        again=options.quick, note=options.note, say=console.print,
    )  # fmt: skip
    verdicts = judge(results, accuracy_loss())
    console.print("\n".join(_lines(verdicts)))
    console.print(closing_line(verdicts))
    return int(any(verdict.met is False for verdict in verdicts))


def _lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a line for each target: verdict, number, figure, limit, what stands beside it."""
    found = []
    for v in verdicts:
        figure = f": {v.figure()}" if v.measured is not None else ""
        beside = f"; {v.beside}" if v.beside else ""
        found.append(f"{v.word:<12}  {v.number}  {v.what} {v.bound()}{figure}{beside}")
    return found

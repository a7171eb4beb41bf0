"""The command bench: how fast we are, and which targets that meets."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loopynet.cli.arguments import add_changes, positive
from loopynet.cli.terminal import terminal

if TYPE_CHECKING:
    from loopynet.bench.targets import Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument(
        "--quick", action="store_true", help="only what the targets need: about 5 minutes"
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="where the results go, a JSON file for each cell; a finished cell is not run again, "
        "but with --quick; default runs/bench or runs/bench-quick",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="of each process; default all cores"
    )
    parser.add_argument(
        "--network", metavar="SPEC", help="of the form of cifar10-loopy, the default"
    )
    add_changes(parser)
    parser.add_argument(
        "--batch-size", type=positive, nargs="+", metavar="N", help="instead of the suite's own"
    )
    parser.add_argument(
        "--rounds", type=positive, metavar="N", help="turns of each contender; default 7 to 15"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="GROUP", help="groups of cells, such as steps"
    )
    parser.add_argument(
        "--no-compile",
        dest="compiling",
        action="store_false",
        help="without the contenders that need a compiler",
    )
    parser.add_argument(
        "--note", default="", metavar="TEXT", help="a sentence about the machine, kept in the files"
    )


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
    threads = options.threads or _cores()
    console = terminal()
    wanted = cells(size)
    console.print(f"{len(wanted)} cells in {folder}, {options.device}, {threads} thread(s)")
    results = run_cells(
        wanted, folder, options.device, threads,
        again=options.quick, note=options.note, say=console.print,
    )  # fmt: skip
    verdicts = judge(results, accuracy_loss(), options.only)
    console.print("\n".join(_lines(verdicts)))
    console.print(closing_line(verdicts))
    return int(any(verdict.met is False for verdict in verdicts))


def _cores() -> int:
    """Return the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a line for each target: verdict, number, figure, limit, what stands beside it."""
    found = []
    for v in verdicts:
        figure = f": {v.figure()}" if v.measured is not None else ""
        beside = f"; {v.beside}" if v.beside else ""
        found.append(f"{v.word:<12}  {v.number}  {v.what} {v.bound()}{figure}{beside}")
    return found

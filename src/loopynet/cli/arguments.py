"""Arguments that several commands have. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable

SPEC_HELP = "a zoo entry's name (see `loopynet zoo`) or a YAML file"
RUN_HELP = "a run folder, its name under runs/, or a trained zoo entry's name"


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Add --set, which changes keys of a spec."""
    parser.add_argument(
        "--set",
        dest="changes",
        metavar="KEY=VALUE",
        action="extend",
        nargs="+",
        default=[],
        help="change a key of the spec, such as training.epochs=5; may be given again",
    )


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add --split: which images."""
    parser.add_argument(
        "--split", choices=("test", "validation", "train"), default="test", help="default: test"
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where training runs."""
    parser.add_argument(
        "--devices", type=positive, default=1, metavar="N",
        help="processes on each machine, each with a GPU of its own if there are some; default 1",
    )  # fmt: skip
    parser.add_argument(
        "--nodes", type=positive, default=1, metavar="N",
        help="machines, each started by torchrun, SLURM or Kubernetes; default 1",
    )  # fmt: skip
    parser.add_argument(
        "--strategy", choices=("auto", "ddp", "fsdp"), default="auto",
        help="how they share the work; default ddp if there are several",
    )  # fmt: skip


def add_unrolls(parser: argparse.ArgumentParser) -> None:
    """Add --unrolls: how many to run."""
    parser.add_argument("--unrolls", type=positive, help="unrolls to run; default as trained")


def bounded(most: float, what: str) -> Callable[[str], float]:
    """Return what reads a number from 0 to `most`; `what` it is of stands in the error."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number <= most:  # nan is not, either
            raise argparse.ArgumentTypeError(f'"{text}" is no number of {what} from 0 to {most:g}')
        return number

    return read


def positive(text: str) -> int:
    """Return the whole number from 1 up that a word stands for."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 1 up')
    return number

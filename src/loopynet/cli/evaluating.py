"""The command evaluate: accuracy and loss of a run, and what early exit saves."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from loopynet.cli.arguments import add_split, add_unrolls, bounded
from loopynet.cli.terminal import terminal, visible
from loopynet.errors import LoopyNetError
from loopynet.foreign import write_whole

if TYPE_CHECKING:
    from rich.console import Console

    from loopynet.data import ImageData, Images, Preprocessing
    from loopynet.network import LoopyNet
    from loopynet.report.early_exit import EarlyExit
    from loopynet.run import Evaluation

LOST = 0.2
"""Points of accuracy that a threshold may lose if nothing is said."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    add_split(parser)
    parser.add_argument(
        "--protocol",
        choices=("standard", "published"),
        help="look at every image, or at the windows of the 2016 library; default as trained",
    )
    add_unrolls(parser)
    parser.add_argument("--each", action="store_true", help="show every unroll, not only the last")
    parser.add_argument(
        "--early-exit",
        action="store_true",
        help="show accuracy against mean unrolls if images stop when the network is sure, and what "
        "a threshold gives that is chosen on the validation images",
    )
    parser.add_argument(
        "--lost", type=bounded(100, "points"), metavar="POINTS",
        help="of accuracy that the threshold may lose on the validation images; "
        f"default {LOST}",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FOLDER", help="write early-exit.json, early-exit.md and early-exit.png"
    )
    parser.add_argument(
        "--stop",
        metavar="RULE",
        nargs="+",
        default=[],
        help="run and time a stopping rule: confident=0.9, agreed=2 or converged=0.001",
    )


def run_evaluate(options: argparse.Namespace) -> int:
    """Evaluate a run."""
    from loopynet.run import RunFolder, best_device, evaluate

    if options.out and not options.early_exit:
        raise LoopyNetError("--out keeps what --early-exit measures: give both")
    if options.lost is not None and not options.early_exit:
        raise LoopyNetError("--lost is what the threshold of --early-exit may lose: give both")
    run = RunFolder.open(options.run)
    net = run.network()
    if options.each and net.spec.unroll.until == "converged":
        raise LoopyNetError("--each: the network answers at its fixed point only; leave --each out")
    data = run.data()
    images = getattr(data, options.split)
    protocol = options.protocol or net.spec.training.protocol
    result = evaluate(net, images, data.preprocessing, options.unrolls, best_device(), protocol)
    print_evaluation(terminal(), options.split, result, each=options.each)
    if options.early_exit or options.stop:
        _print_exits(net, images, data.preprocessing, options)
    if options.early_exit:
        _print_choice(net, data, options)
    return 0


def _print_exits(
    net: LoopyNet, images: Images, preprocessing: Preprocessing, options: argparse.Namespace
) -> None:
    """Print the curve of accuracy against mean unrolls, and timed runs of the rules asked for."""
    from rich.table import Table

    from loopynet.network import Converged
    from loopynet.run import best_device, evaluate_exit, exit_curve, parse_rule, show_rule

    rules = [parse_rule(text) for text in options.stop]
    most = options.unrolls
    if most and any(isinstance(rule, Converged) for rule in rules):
        raise LoopyNetError("--stop converged runs until the signals settle: leave --unrolls out")
    device = best_device()
    table = Table("stop", "mean unrolls", "accuracy", "seconds")
    points = []
    if options.early_exit:
        points += exit_curve(net, images, preprocessing, most, device)
    if rules:
        points += [
            evaluate_exit(net, images, preprocessing, rule, device, most) for rule in (None, *rules)
        ]
    for point in points:
        seconds = "" if point.seconds is None else f"{point.seconds:.2f}"
        accuracy = f"{100 * point.accuracy:.2f} %"
        table.add_row(show_rule(point.rule), f"{point.mean_unrolls:.2f}", accuracy, seconds)
    terminal().print(table)


def _print_choice(net: LoopyNet, data: ImageData, options: argparse.Namespace) -> None:
    """Choose a threshold on the validation images, print what it gives, and keep it."""
    from rich.markdown import Markdown

    from loopynet.report.early_exit import early_exit_tables, measure_early_exit
    from loopynet.run import best_device

    reason = _no_choice(data, options)
    if reason:
        if options.out:
            raise LoopyNetError(f"nothing is written to {options.out}: {reason}")
        print(f"loopynet: {reason}", file=sys.stderr)
        return
    images = getattr(data, options.split)
    lost = (LOST if options.lost is None else options.lost) / 100
    found = measure_early_exit(
        net, data.validation, images, data.preprocessing, lost, options.split, best_device()
    )
    page, console = early_exit_tables(found), terminal()
    console.print(Markdown(page) if console.is_terminal else page)
    if options.out:
        _keep(Path(options.out), found, page)


def _no_choice(data: ImageData, options: argparse.Namespace) -> str:
    """Return why no threshold is chosen; empty if one is."""
    if options.split == "validation":
        return "a threshold is chosen on the validation images and cannot be judged on them"
    if not len(data.validation):
        return "no threshold is chosen: the data has no validation images (data.split.validation)"
    if options.unrolls:
        return "no threshold is chosen with --unrolls: it belongs to the unrolls of the spec"
    return ""


def _keep(folder: Path, found: EarlyExit, page: str) -> None:
    """Write the figures, the tables and the picture of an early exit."""
    from loopynet.report.early_exit import early_exit_figure

    folder.mkdir(parents=True, exist_ok=True)
    data = {"command": shlex.join(["loopynet", *sys.argv[1:]]), **found.plain()}
    text = json.dumps(data, indent=1, allow_nan=False) + "\n"
    write_whole(folder / "early-exit.json", text)
    write_whole(folder / "early-exit.md", page)
    (folder / "early-exit.png").unlink(missing_ok=True)  # it may be a link
    early_exit_figure(found).savefig(folder / "early-exit.png")
    print(
        visible(f"wrote {folder}: early-exit.json, early-exit.md, early-exit.png"), file=sys.stderr
    )


def print_evaluation(console: Console, name: str, result: Evaluation, *, each: bool) -> None:
    """Print the accuracy and loss of the last unroll, or of each."""
    if each:
        for t, (accuracy, loss) in enumerate(
            zip(result.accuracies, result.losses, strict=True), start=result.first_unroll
        ):
            console.print(f"unroll {t}: accuracy {100 * accuracy:.2f} %, loss {loss:.4f}")
    console.print(
        f"{name} accuracy {100 * result.accuracy:.2f} % ({result.images:,} images), "
        f"loss {result.loss:.4f}"
    )
    if result.maps is not None:
        console.print(
            f"{name} accuracy is over {result.maps.positions:,} positions; mean class accuracy "
            f"{100 * result.maps.mean_class_accuracies[-1]:.2f} %, "
            f"mean IoU {100 * result.maps.mean_ious[-1]:.2f} %"
        )

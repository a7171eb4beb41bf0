"""The command evaluate: accuracy and loss of a run, and what early exit saves."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from loopynet.cli.arguments import add_split, add_unrolls
from loopynet.cli.terminal import terminal

if TYPE_CHECKING:
    from rich.console import Console

    from loopynet.data import Images, Preprocessing
    from loopynet.network import LoopyNet
    from loopynet.run import Evaluation


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
        help="show accuracy against mean unrolls if images stop when the network is sure",
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
    from loopynet.data import load_data
    from loopynet.run import RunFolder, best_device, evaluate

    run = RunFolder.open(options.run)
    net = run.network()
    data = load_data(net.spec.data, net.graph.input_shape, net.graph.output_shape[0])
    images = getattr(data, options.split)
    protocol = options.protocol or net.spec.training.protocol
    result = evaluate(net, images, run.preprocessing(), options.unrolls, best_device(), protocol)
    print_evaluation(terminal(), options.split, result, each=options.each)
    if options.early_exit or options.stop:
        _print_exits(net, images, run.preprocessing(), options)
    return 0


def _print_exits(
    net: LoopyNet, images: Images, preprocessing: Preprocessing, options: argparse.Namespace
) -> None:
    """Print the curve of accuracy against mean unrolls, and timed runs of the rules asked for."""
    from rich.table import Table

    from loopynet.run import best_device, evaluate_exit, exit_curve, parse_rule, show_rule

    rules = [parse_rule(text) for text in options.stop]
    device = best_device()
    table = Table("stop", "mean unrolls", "accuracy", "seconds")
    curve = exit_curve(net, images, preprocessing, options.unrolls, device)
    timed = [evaluate_exit(net, images, preprocessing, r, device) for r in (None, *rules) if rules]
    for point in [*(curve if options.early_exit else ()), *timed]:
        seconds = "" if point.seconds is None else f"{point.seconds:.2f}"
        accuracy = f"{100 * point.accuracy:.2f} %"
        table.add_row(show_rule(point.rule), f"{point.mean_unrolls:.2f}", accuracy, seconds)
    terminal().print(table)


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

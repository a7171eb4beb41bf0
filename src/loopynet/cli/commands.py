"""One function for each command: it calls the library and prints. No logic stands here.

Libraries are imported in the functions, so that a command loads only what it needs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from loopynet.cli.evaluating import print_evaluation
from loopynet.cli.reports import report_must_not_fail
from loopynet.cli.specs import checked
from loopynet.cli.terminal import terminal, visible

if TYPE_CHECKING:
    from rich.console import Console

    from loopynet.training import TrainingResult


LARGEST_OLD_FILE = 4_000_000
"""Bytes; the reader takes a million characters."""


def run_train(options: argparse.Namespace) -> int:
    """Train a spec."""
    source, spec, _ = checked(options.spec, options.changes)
    console = terminal()
    epochs = _count(spec.training.epochs, "epoch")
    console.print(f"training {spec.name}: {epochs} on {spec.data.name}")
    from loopynet.training import Workers, train

    workers = Workers(options.devices, options.nodes, options.strategy)
    with source.blame():
        result = train(
            spec, options.run, say=console.print, progress=_live(console), workers=workers
        )
    return _report_training(console, result)


def run_resume(options: argparse.Namespace) -> int:
    """Continue a run."""
    from loopynet.run import RunFolder

    run = RunFolder.open(options.run)
    console = terminal()
    console.print(f"continuing {run.path}")
    from loopynet.training import Workers, resume

    workers = Workers(options.devices, options.nodes, options.strategy)
    result = resume(run, say=console.print, progress=_live(console), workers=workers)
    return _report_training(console, result)


def run_repeat(options: argparse.Namespace) -> int:
    """Run a run again; returns 1 if something differs."""
    from loopynet.run import RunFolder

    run = RunFolder.open(options.run)
    console = terminal()
    console.print(f"repeating {run.path}")
    from loopynet.training import repeat

    found = repeat(run, options.into, say=console.print, progress=_live(console))
    for line in found.lines():
        console.print(line)
    return 0 if found.equal else 1


def run_predict(options: argparse.Namespace) -> int:
    """Classify images."""
    from loopynet.run import RunFolder, predict

    run = RunFolder.open(options.run)
    predictions = predict(run, options.images, options.top, options.unrolls)
    console = terminal()
    for prediction in predictions:
        console.print(prediction.image)
        steps = list(enumerate(prediction.probabilities, start=prediction.first_unroll))
        for t, classes in steps if options.each else steps[-1:]:
            shown = ", ".join(f"{name} {100 * p:.1f} %" for name, p in classes)
            console.print(f"  unroll {t}: {shown}" if options.each else f"  {shown}")
    return 0


def run_describe(options: argparse.Namespace) -> int:
    """Describe a spec."""
    _, spec, graph = checked(options.spec, options.changes, memory=False)
    from loopynet.describe import render

    render(graph, terminal(), spec.training.least_images)
    return 0


def run_draw(options: argparse.Namespace) -> int:
    """Draw a spec."""
    _, _, graph = checked(options.spec, options.changes, memory=False)
    from loopynet.draw import draw

    draw(graph, Path(options.output), unrolled=options.unrolled)
    print(visible(f"wrote {options.output}"), file=sys.stderr)
    return 0


def run_control(options: argparse.Namespace) -> int:
    """Write a control of a spec."""
    source, spec, _ = checked(options.spec, options.changes, memory=False)
    from loopynet.control import CONTROLS, compare_costs
    from loopynet.spec import to_yaml

    with source.blame():
        control = CONTROLS[options.control](spec)
    difference = compare_costs(spec, control)
    _write(to_yaml(control), options.output)
    for name in ("parameters", "multiply_adds"):
        ours, theirs = getattr(difference.control, name), getattr(difference.original, name)
        share = 100 * getattr(difference, f"relative_{name}")
        print(
            f"{name.replace('_', '-')}: {ours:,}, {spec.name} has {theirs:,} ({share:+.2f} %)",
            file=sys.stderr,
        )
    return 0


def run_check(options: argparse.Namespace) -> int:
    """Check a spec."""
    _, spec, graph = checked(options.spec, options.changes)
    from loopynet.graph.costs import costs, show_bytes

    cost = costs(graph)
    memory = show_bytes(cost.training_bytes(spec.training.least_images))
    terminal().print(
        f"{spec.name}: fine. {_count(len(graph.layers), 'layer')}, "
        f"{_count(len(graph.loops), 'loop')}, {_count(graph.steps, 'unroll')}, "
        f"{cost.parameters:,} parameters, about {memory} to train"
    )
    return 0


def run_zoo(options: argparse.Namespace) -> int:
    """List the zoo or print an entry."""
    from loopynet.zoo import pretrained_names, zoo_names, zoo_text

    if options.name is not None:
        print(zoo_text(options.name), end="")
        return 0
    width = max(len(name) for name in zoo_names())
    for name in zoo_names():
        trained = " (with trained weights)" if name in pretrained_names() else ""
        words = zoo_text(name).splitlines()[0].removeprefix("#").strip()
        print(f"{name:{width}}  {words}{trained}")
    return 0


def run_import(options: argparse.Namespace) -> int:
    """Translate an old description."""
    from loopynet.errors import SpecError
    from loopynet.foreign import read_text
    from loopynet.legacy import import_legacy, to_yaml

    text = read_text(Path(options.file), LARGEST_OLD_FILE, SpecError, pipes=True)
    _write(to_yaml(import_legacy(text, options.file, options.unrolls)), options.output)
    return 0


def _write(document: str, file: str | None) -> None:
    """Print a document, or write it to a file that is not there yet."""
    from loopynet.errors import SpecError

    if file is None:
        print(document, end="")
        return
    output = Path(file)
    try:
        with output.open("x", encoding="utf-8") as stream:  # nor through a link that leads nowhere
            stream.write(document)
    except FileExistsError:
        raise SpecError(f"{output}: exists already; choose another --output") from None
    print(visible(f"wrote {output}"), file=sys.stderr)


def _report_training(console: Console, result: TrainingResult) -> int:
    path = result.run.path
    if not result.leads:  # one of several processes, and not the one that speaks
        return 0
    with report_must_not_fail(path):
        from loopynet.report import report_run

        report_run(result.run)
    if result.interrupted:
        console.print(f"interrupted; the weights so far are in {path}")
        console.print(f"continue with: loopynet resume {path}")
        return 130
    for name, evaluation in (("validation", result.validation), ("test", result.test)):
        if evaluation is not None:
            print_evaluation(console, name, evaluation, each=False)
    if result.stopped_early:
        console.print("stopped early: the validation figure no longer improved")
    console.print(f"trained for {result.seconds:.1f} s; run folder: {path}")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _live(console: Console) -> Console | None:
    """Return the console if it can show a moving bar."""
    return console if console.is_terminal else None

"""The commands that run or show many runs: compare, reproduce, report."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loopynet.cli.arguments import add_changes, bounded, positive
from loopynet.cli.reports import report_must_not_fail
from loopynet.cli.specs import checked
from loopynet.cli.terminal import terminal, visible
from loopynet.errors import RunError, SpecError, did_you_mean
from loopynet.foreign import write_whole

if TYPE_CHECKING:
    from loopynet.compare import Cell, CellFolder, Summary
    from loopynet.reproduce import StepTimes
    from loopynet.spec import NetworkSpec

EXPERIMENTS = ("fig8", "mnist", "future-work", "truncated")


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of compare."""
    add_changes(parser)
    parser.add_argument(
        "--batch-size", type=positive, nargs="+", metavar="N", help="batch sizes to compare"
    )
    parser.add_argument(
        "--vary",
        nargs="+",
        action="append",
        default=[],
        metavar="KEY VALUE",
        help="another key to compare, with its values: --vary unroll.steps 1 2 3; may be repeated",
    )
    parser.add_argument("--seeds", type=positive, default=1, metavar="N", help="default 1")
    parser.add_argument(
        "--baseline", metavar="NAME", help="the network to compare with; default the first"
    )
    _cells(parser, "runs/comparison")


def add_reproduce_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the experiment and the options of reproduce."""
    parser.add_argument("experiment", choices=EXPERIMENTS, metavar="EXPERIMENT",
                        help=", ".join(EXPERIMENTS))  # fmt: skip
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--full",
        action="store_false",
        dest="quick",
        default=False,  # argparse takes it from the first of two options with one name
        help="as published; the default",
    )
    size.add_argument(
        "--quick", action="store_true", help="fewer images and epochs: minutes, not hours"
    )
    parser.add_argument(
        "--protocol",
        choices=("standard", "published"),
        default="standard",
        help="each image once an epoch, or the overlapping windows of the 2016 library",
    )
    parser.add_argument(
        "--data", choices=("digits",), help="train on the bundled digits: no files needed, seconds"
    )
    parser.add_argument("--seeds", type=positive, default=1, metavar="N", help="default 1")
    parser.add_argument("--batch-size", type=positive, nargs="+", metavar="N",
                        help="only these batch sizes (fig8)")  # fmt: skip
    add_changes(parser)
    _cells(parser, None)


def _cells(parser: argparse.ArgumentParser, folder: str | None) -> None:
    parser.add_argument(
        "--out",
        default=folder,
        metavar="FOLDER",
        help="where the runs, the table and the report go; finished runs that lie there are used "
        f"and not run again; default {folder or 'runs/ and the name of the experiment'}",
    )
    parser.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="runs at the same time; default 1"
    )
    parser.add_argument(
        "--on",
        metavar="WHERE",
        help="run them on a cluster: ray (started here), ray://HOST:PORT, slurm, or local (as with "
        "slurm, by processes of this machine)",
    )
    parser.add_argument(
        "--gpus-per-cell", type=bounded(1024, "GPUs"), default=0.0, metavar="N",
        help="GPUs for each run on a cluster; with ray 0.25 will do; default 0",
    )  # fmt: skip
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="TEXT",
        help="a sentence for the reader of the table; may be given again",
    )
    parser.add_argument(
        "--no-run", action="store_true", help="train nothing: show what lies in the folder"
    )


def run_compare(options: argparse.Namespace) -> int:
    """Compare networks."""
    from loopynet.compare import grid, markdown_tables, summarize

    specs = [checked(name, options.changes)[1] for name in options.specs]
    names = _distinct_names(specs)
    baseline = options.baseline or names[0]
    if baseline not in names:
        hint = did_you_mean(baseline, names)
        raise SpecError(f'--baseline "{baseline}": is none of {", ".join(names)}.{hint}')
    folders = _run(grid(specs, _varied(options), options.seeds), options)
    title = f"Comparison of {', '.join(names)}"
    summary = summarize(folders, title, _command(), baseline, tuple(options.note))
    return _leave(options.out, summary, folders, markdown_tables(summary))


def run_reproduce(options: argparse.Namespace) -> int:
    """Repeat an experiment of the paper."""
    from dataclasses import replace

    from loopynet.compare import summarize
    from loopynet.reproduce import EXPERIMENTS as KNOWN
    from loopynet.reproduce import Scale, reproduction_page
    from loopynet.reproduce.page import CLAIM_HEAD, claim_cells

    experiment = KNOWN[options.experiment]
    options.out = options.out or f"runs/{experiment.name}{'-quick' if options.quick else ''}"
    scale = Scale(
        options.quick,
        options.data == "digits",
        options.protocol,
        options.seeds,
        tuple(options.batch_size or ()),
        tuple(options.changes),
    )
    folders = _run(experiment.cells(scale), options)
    notes = (*scale.notes(), *options.note)
    summary = summarize(folders, experiment.title, _command(), experiment.baseline, notes)
    times = _step_times(experiment.timed, folders, options)
    claims = experiment.claims(summary.rows, times)
    summary = replace(summary, claims=claim_cells(claims), claims_head=CLAIM_HEAD)
    return _leave(options.out, summary, folders, reproduction_page(experiment, summary, claims))


def run_report(options: argparse.Namespace) -> int:
    """Write a run's report."""
    from loopynet.report import report_run
    from loopynet.run import RunFolder

    run = RunFolder.open(options.run)
    if run.outputs != run.path:
        raise RunError(f'"{options.run}" is a trained zoo entry of the package; train it to report')
    print(visible(f"wrote {report_run(run)}"), file=sys.stderr)
    return 0


def _distinct_names(specs: Sequence[NetworkSpec]) -> list[str]:
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f'two specs are named "{name}"; give one of them another name')
    return names


def _varied(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the keys that --batch-size and --vary vary, with their values."""
    vary = {}
    if options.batch_size:
        vary["training.batch_size"] = [str(size) for size in options.batch_size]
    for key, *values in options.vary:
        if not values:
            raise SpecError(f"--vary {key}: write its values after the key, such as {key} 1 2 3")
        if key == "training.seed":
            raise SpecError("--vary training.seed: write --seeds N instead")
        if key in vary:
            raise SpecError(
                f"--vary {key}: its values are given twice; write all of them in one place"
            )
        vary[key] = values
    return vary


def _run(cells: Sequence[Cell], options: argparse.Namespace) -> list[CellFolder]:
    """Return the cells with their folders, after those that were missing have run."""
    from loopynet.compare import find_cells, run_cells, run_on
    from loopynet.graph import build_graph

    for cell in cells:
        build_graph(cell.spec)  # a network that cannot run is refused before hours of training
    folders = find_cells(Path(options.out), cells)
    done = sum(folder.state == "finished" for folder in folders)
    console = terminal()
    console.print(f"{len(folders)} runs in {options.out}, {done} of them finished already")
    if not options.no_run:
        if options.on:
            run_on(options.on, folders, console, options.gpus_per_cell)
        else:
            run_cells(folders, console, options.jobs)
    return folders


def _step_times(
    names: Sequence[str], folders: Sequence[CellFolder], options: argparse.Namespace
) -> StepTimes | None:
    """Return the times of training steps, measured side by side once and kept in a file.

    Those of other networks or another batch size, which an earlier command left, do not count.
    """
    from loopynet.reproduce import StepTimes, measure_step_times
    from loopynet.reproduce.step_times import digest
    from loopynet.run import RunFolder, best_device

    kept = RunFolder(Path(options.out))
    if not names:
        return None
    largest = max(folder.cell.spec.training.step_images for folder in folders)
    known = {
        f.cell.spec.name: f.cell.spec
        for f in folders
        if f.cell.spec.training.step_images == largest
    }
    specs = {name: known[name] for name in names}
    if (kept.path / "step-times.json").is_file():
        times = StepTimes.read(kept.path / "step-times.json")
        if times.batch_size == largest and times.networks in ("", digest(specs)):
            return times
    if options.no_run:
        return None
    times = measure_step_times(specs, best_device())
    kept.write_json("step-times.json", times.plain())
    return times


def _leave(out: str, summary: Summary, folders: Sequence[CellFolder], page: str) -> int:
    """Write the table, the data and the report, and show the table."""
    from rich.markdown import Markdown

    from loopynet.compare import plain_summary

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "table.md", page)
    text = json.dumps(plain_summary(summary), indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / "comparison.json", text)
    console = terminal()
    console.print(Markdown(page) if console.is_terminal else page)
    files = [folder / "table.md", folder / "comparison.json"]
    with report_must_not_fail(folder):
        from loopynet.report import report_comparison

        files.append(report_comparison(summary, folders, folder))
    print(visible(f"wrote {', '.join(map(str, files))}"), file=sys.stderr)
    failed = [f"{f.cell.label}, seed {f.cell.seed}" for f in folders if f.state == "failed"]
    if failed:
        raise RunError(f"{len(failed)} of {len(folders)} runs failed: {'; '.join(failed)}")
    return 0


def _command() -> str:
    return shlex.join(["loopynet", *sys.argv[1:]])

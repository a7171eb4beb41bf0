"""The command measure: what a run's unrolls do, in numbers and figures."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopynet.cli.arguments import add_split, add_unrolls, positive
from loopynet.cli.terminal import terminal, visible
from loopynet.foreign import write_whole

if TYPE_CHECKING:
    from rich.console import Console

    from loopynet.explain import Measurements
    from loopynet.run import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument(
        "--images", type=positive, default=1000, metavar="N", help="how many; default 1000"
    )
    add_split(parser)
    add_unrolls(parser)
    parser.add_argument(
        "--beside", metavar="RUN", help="another run, the gradients of which are measured too"
    )
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="the long parts look at more images, and at five seeds",
    )
    parser.add_argument("--out", metavar="FOLDER", help="default: measurements/ in the run folder")
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="TEXT",
        help="a sentence for the reader of the tables; may be given again",
    )


def run_measure(options: argparse.Namespace) -> int:
    """Measure a run."""
    from loopynet.explain import Sizes, measure
    from loopynet.network.checks import check_one_answer
    from loopynet.run import RunFolder

    run = RunFolder.open(options.run)
    net = run.network()
    check_one_answer(net.graph, "measuring")
    beside = RunFolder.open(options.beside).network() if options.beside else None
    data = run.data()
    images = getattr(data, options.split).first(options.images)
    sizes = Sizes(1000, 640, 128, seeds=5) if options.thorough else None
    console = terminal()
    with _bar(console) as progress:
        found = measure(
            net,
            data.preprocessing(images.pixels),
            images.labels,
            unrolls=options.unrolls,
            beside=beside,
            sizes=sizes,
            notes=tuple(options.note),
            progress=progress,
        )
    return _leave(console, run, options, found)


def _bar(console: Console) -> Any:
    """Return a context that gives the library's progress callback, or None without a terminal."""
    if not console.is_terminal:
        return nullcontext(None)
    from loopynet.cli.measuring_progress import live_progress

    return live_progress(console)


def _leave(
    console: Console, run: RunFolder, options: argparse.Namespace, found: Measurements
) -> int:
    """Write data and figures, and show the tables."""
    from rich.markdown import Markdown

    from loopynet.explain import figures, markdown

    folder = Path(options.out) if options.out else run.outputs / "measurements"
    folder.mkdir(parents=True, exist_ok=True)
    data = {**_made(options), **found.plain()}
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(folder / "measurements.json", text)
    page = markdown(found)
    write_whole(folder / "measurements.md", page)
    for name, figure in figures(found).items():
        (folder / f"{name}.png").unlink(missing_ok=True)  # it may be a link
        figure.savefig(folder / f"{name}.png")
    console.print(Markdown(page) if console.is_terminal else page)
    print(
        visible(f"wrote {folder}: measurements.json, measurements.md and figures"), file=sys.stderr
    )
    return 0


def _made(options: argparse.Namespace) -> dict[str, Any]:
    """Return how the figures were made."""
    from importlib.metadata import version

    from loopynet import __version__

    words = ["loopynet", "measure", Path(options.run).name, "--images", str(options.images)]
    words += ["--unrolls", str(options.unrolls)] if options.unrolls else []
    words += ["--beside", Path(options.beside).name] if options.beside else []
    words += ["--thorough"] if options.thorough else []
    words += ["--split", options.split] if options.split != "test" else []
    return {
        "command": shlex.join(words),
        "split": options.split,
        "versions": {"loopynet": __version__, "torch": version("torch")},
    }

"""The command search: hyper-parameters that do well on validation images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from loopynet.cli.arguments import positive
from loopynet.cli.specs import checked
from loopynet.cli.terminal import terminal, visible
from loopynet.foreign import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument(
        "--over", metavar="KEY=VALUES", nargs="+", required=True,
        help="what varies: 'training.learning_rate=log 0.01..1', unroll.steps=1..4, "
        "'training.optimizer=[adam, sgd]'",
    )  # fmt: skip
    parser.add_argument(
        "--trials", type=positive, default=20, metavar="N", help="runs in all; default 20"
    )
    parser.add_argument(
        "--out", metavar="FOLDER", help="where the runs lie; default runs/ and NAME-search"
    )


def run_search(options: argparse.Namespace) -> int:
    """Search, or go on with a search."""
    from rich.markdown import Markdown

    from loopynet.run.folder import RUNS
    from loopynet.search import parse_space, search, search_table

    source, spec, _ = checked(options.spec, options.changes)
    folder = Path(options.out) if options.out else RUNS / f"{spec.name}-search"
    console = terminal()
    with source.blame():
        study = search(spec, parse_space(options.over), folder, options.trials, console.print)
    page = search_table(study)
    write_whole(folder / "table.md", page)
    console.print(Markdown(page) if console.is_terminal else page)
    best = [folder / "best.yaml"] if (folder / "best.yaml").is_file() else []
    print(visible(f"wrote {', '.join(map(str, [folder / 'table.md', *best]))}"), file=sys.stderr)
    return 0

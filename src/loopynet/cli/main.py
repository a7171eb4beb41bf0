"""The `loopynet` command: what may be written after it. Imports nothing heavy."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from loopynet import __version__
from loopynet.cli import (
    benching,
    evaluating,
    experiments,
    explaining,
    exploring,
    measuring,
    searching,
)
from loopynet.cli.arguments import (
    RUN_HELP,
    SPEC_HELP,
    add_changes,
    add_unrolls,
    add_workers,
    positive,
)
from loopynet.cli.terminal import visible
from loopynet.errors import LoopyNetError

CONTROL_WORDS = {
    "no-loops": "the same network without its loops",
    "untied": "the same network, each unroll with weights of its own",
    "same-parameters": "without loops, widened to as many parameters",
    "same-multiply-adds": "without loops, widened to as much arithmetic as all unrolls",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for an error, 2 for usage, 130 for Ctrl-C."""
    options = build_parser().parse_args(arguments)
    warnings.showwarning = _show_warning
    # We draw into files. A notebook hands its own backend on, which need not be installed here.
    os.environ["MPLBACKEND"] = "agg"
    command = getattr(import_module(f"loopynet.cli.{options.module}"), options.function)
    try:
        status: int = command(options) or 0
        sys.stdout.flush()
    except LoopyNetError as error:
        print(f"loopynet: {visible(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("loopynet: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"loopynet: {visible(f'{where}{error.strerror or error}')}", file=sys.stderr)
        return 1
    return status


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"loopynet: warning: {visible(str(message))}", file=sys.stderr)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="loopynet",
        description="Networks with feedback loops: described in one YAML file, trained, explained.",
        epilog="Try: loopynet describe digits-loopy; loopynet train digits-loopy",
    )
    parser.add_argument("--version", action="version", version=f"loopynet {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _train,
        _resume,
        _repeat,
        _evaluate,
        _predict,
        _explain,
        _explore,
        _describe,
        _draw,
        _check,
        _control,
        _compare,
        _search,
        _reproduce,
        _report,
        _measure,
        _bench,
        _export,
        _zoo,
        _import,
    ):
        add(commands)
    return parser


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def _command(
    commands: Commands, name: str, text: str, module: str = "commands"
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(module=module, function=f"run_{name}")
    return parser


def _spec_command(
    commands: Commands, name: str, text: str, module: str = "commands"
) -> argparse.ArgumentParser:
    parser = _command(commands, name, text, module)
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    add_changes(parser)
    return parser


def _train(commands: Commands) -> None:
    parser = _spec_command(commands, "train", "train a network into a new run folder")
    parser.add_argument(
        "--run", metavar="NAME-OR-PATH", help="the run folder; default runs/ and the spec's name"
    )
    add_workers(parser)


def _resume(commands: Commands) -> None:
    text = "continue a run from its last checkpoint"
    parser = _command(commands, "resume", text)
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    add_workers(parser)


def _repeat(commands: Commands) -> None:
    text = "train a finished run again, and say whether the same comes out"
    parser = _command(commands, "repeat", text)
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--into", metavar="NAME-OR-PATH", help="the new run; default RUN with -repeat behind it"
    )


def _evaluate(commands: Commands) -> None:
    parser = _command(commands, "evaluate", "measure a run's accuracy and loss", "evaluating")
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    evaluating.add_arguments(parser)


def _predict(commands: Commands) -> None:
    text = "classify image files"
    parser = _command(commands, "predict", text)
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files")
    parser.add_argument("--top", type=positive, default=3, help="classes to show; default 3")
    add_unrolls(parser)
    parser.add_argument("--each", action="store_true", help="show every unroll, not only the last")


def _explain(commands: Commands) -> None:
    text = "show what a run's filters and loops look at, unroll by unroll"
    parser = _command(commands, "explain", text, "explaining")
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    explaining.add_arguments(parser)
    add_unrolls(parser)


def _explore(commands: Commands) -> None:
    text = "open a page to look into trained networks, change them and build new ones"
    parser = _command(commands, "explore", text, "exploring")
    parser.add_argument("run", metavar="RUN", nargs="?", help=f"{RUN_HELP}; default the first one")
    exploring.add_arguments(parser)


def _describe(commands: Commands) -> None:
    text = "show layers, shapes, loops, parameters and arithmetic"
    _spec_command(commands, "describe", text)


def _draw(commands: Commands) -> None:
    text = "draw a network: SVG, PNG, PDF or Mermaid"
    parser = _spec_command(commands, "draw", text)
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help=".svg, .png, .pdf or .mmd"
    )
    parser.add_argument("--unrolled", action="store_true", help="draw every unroll")


def _control(commands: Commands) -> None:
    text = "write the fair opponent of a network with loops, as a spec"
    parser = _spec_command(commands, "control", text)
    kind = parser.add_mutually_exclusive_group(required=True)
    for word, meaning in CONTROL_WORDS.items():
        kind.add_argument(
            f"--{word}", dest="control", action="store_const", const=word, help=meaning
        )
    parser.add_argument("-o", "--output", metavar="YAML", help="write here, not to the terminal")


def _check(commands: Commands) -> None:
    _spec_command(commands, "check", "say whether a spec describes a network that can be trained")


def _compare(commands: Commands) -> None:
    text = "train several networks with several seeds and compare them"
    parser = _command(commands, "compare", text, "experiments")
    parser.add_argument("specs", metavar="SPEC", nargs="+", help=SPEC_HELP)
    experiments.add_compare_arguments(parser)


def _search(commands: Commands) -> None:
    text = "search for the hyper-parameters of a network, judged on validation images"
    parser = _spec_command(commands, "search", text, "searching")
    searching.add_arguments(parser)


def _reproduce(commands: Commands) -> None:
    text = "repeat an experiment of the paper and say which of its claims hold"
    parser = _command(commands, "reproduce", text, "experiments")
    experiments.add_reproduce_arguments(parser)


def _report(commands: Commands) -> None:
    text = "write a run's report.html: figures, curves, drawings and config in one file"
    parser = _command(commands, "report", text, "experiments")
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)


def _measure(commands: Commands) -> None:
    text = "measure what a run's unrolls do: dynamics, Jacobian, gradients, linearity, deletion"
    parser = _command(commands, "measure", text, "measuring")
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    measuring.add_arguments(parser)


def _bench(commands: Commands) -> None:
    text = "measure how fast training is, against networks written by hand"
    parser = _command(commands, "bench", text, "benching")
    benching.add_arguments(parser)


def _export(commands: Commands) -> None:
    text = "write a run's network for other tools: ONNX, torch.export, or code to read"
    parser = _command(commands, "export", text, "exporting")
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--format",
        choices=("onnx", "torch", "fx"),
        required=True,
        help="an ONNX file, a torch.export program, or the unrolled network as Python code",
    )
    parser.add_argument("--out", metavar="FILE", required=True, help="the file to write")
    add_unrolls(parser)
    parser.add_argument("--each", action="store_true", help="give every unroll, not only the last")


def _zoo(commands: Commands) -> None:
    text = "list the ready networks, or print one"
    parser = _command(commands, "zoo", text)
    parser.add_argument("name", metavar="NAME", nargs="?", help="print this entry's YAML")


def _import(commands: Commands) -> None:
    text = "translate a network description of the 2016 library into YAML"
    parser = _command(commands, "import", text)
    parser.add_argument("file", metavar="FILE", help="a Python dictionary literal")
    parser.add_argument("-o", "--output", metavar="YAML", help="write here, not to the terminal")
    parser.add_argument(
        "--unrolls", type=positive, default=3, help="unroll factor of a network with loops; 3"
    )

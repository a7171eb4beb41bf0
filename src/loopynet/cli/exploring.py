"""The command `explore`: a page on this machine to look into trained networks."""

from __future__ import annotations

import argparse
import sys

from loopynet.cli.terminal import visible

HOST, PORT = "127.0.0.1", 7860


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument(
        "--host", default=HOST,
        help=f"the address to listen at; default {HOST}, which only this machine reaches",
    )  # fmt: skip
    parser.add_argument("--port", type=_port, default=PORT, help=f"default {PORT}")


def run_explore(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    from loopynet.serve import explore

    def say(text: str) -> None:
        print(visible(text), file=sys.stderr, flush=True)

    explore(options.run, host=options.host, port=options.port, say=say)
    return 0


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) < 6 else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f'"{text}" is no port from 1 to 65535')
    return number

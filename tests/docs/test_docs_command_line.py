"""docs/command-line.md names every command, option and file of a run folder."""

from __future__ import annotations

import argparse
import re

import pytest
from docs_pages import DOCS

from loopynet.cli.main import build_parser
from loopynet.run import folder

PAGE = (DOCS / "command-line.md").read_text(encoding="utf-8")
COMMANDS = next(
    action.choices
    for action in build_parser()._actions
    if isinstance(action, argparse._SubParsersAction)
)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_described_with_its_command(name: str) -> None:
    section = PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]
    for action in COMMANDS[name]._actions:
        if action.dest == "help":
            continue
        for option in action.option_strings:
            assert f"`{option}" in section, option
        for choice in action.choices or ():
            assert f"`{choice}`" in section or f" {choice}`" in section, choice


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_is_invented(name: str) -> None:
    section = PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]
    known = {option for action in COMMANDS[name]._actions for option in action.option_strings}
    rows = re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE)
    assert {option for row in rows for option in re.findall(r"`(--?[\w-]+)", row)} <= known


def test_every_file_of_a_run_is_described() -> None:
    listed = re.findall(r"^(?:runs/NAME/|         )(\S+)", folder.__doc__ or "", re.MULTILINE)
    assert len(listed) >= 8
    for file in listed:
        assert f"| `{file}` |" in PAGE

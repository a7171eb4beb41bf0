"""The tutorial and the how-to pages, followed from top to bottom in an empty folder."""

from __future__ import annotations

import shlex
import subprocess
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from docs_pages import IN_ORDER, Block, blocks

from loopynet import LoopyNetWarning
from loopynet.cli.main import main


@pytest.mark.usefixtures("registries_restored")
@pytest.mark.parametrize("page", IN_ORDER, ids=lambda p: p.stem)
def test_what_a_reader_does(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page.stem}
    done = 0
    for block in blocks(page, "yaml", "python", "sh"):
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            done += sum(run(line, block) for line in lines(block) if block.runs)
        elif block.language == "python":
            code = compile(block.text, str(block), "exec", dont_inherit=True)
            if block.runs:
                run_python(code, names)
    assert done or "not run" in page.read_text(encoding="utf-8") or blocks(page, "python")


def run_python(code: object, names: dict[str, object]) -> None:
    """Run a block in the page's namespace; a warning of ours fails it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", LoopyNetWarning)
        exec(code, names)  # type: ignore[arg-type]


def lines(block: Block) -> list[str]:
    found = (shlex.join(shlex.split(each, comments=True)) for each in joined(block.text))
    return [line for line in found if line]


def joined(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def run(line: str, block: Block) -> bool:
    """Run a command of ours in this process, which has torch already, and any other in a shell."""
    words = shlex.split(line)
    if words[0] != "loopynet":
        return subprocess.run(line, shell=True, check=True).returncode == 0
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("error", LoopyNetWarning)
        status = main(words[1:])
    assert status == 0, f"{block}: {line}"
    return True

"""Write docs/tutorial.ipynb, the tutorial as a notebook, from docs/tutorial.md.

Python blocks and commands become cells, files become cells that write them. What is only shown, or
not run, stays text.
"""

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.\w+)\n")


def notebook(markdown: str) -> str:
    """Return the JSON of a page's notebook."""
    cells: list[dict[str, Any]] = []
    text, end = "", 0
    for match in _BLOCK.finditer(markdown):
        text += markdown[end : match.start()]
        end = match.end()
        code = code_of(match[1], match[2])
        if code is None:
            text += match[0]
        else:
            cells += [text_cell(text), code_cell(code)]
            text = ""
    cells.append(text_cell(text + markdown[end:]))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def code_of(language: str, block: str) -> str | None:
    """Return what a cell runs; None if a block is only to be read."""
    file = _FILE.match(block)
    if block.startswith("# not run: "):
        return None
    if language == "python":
        return block
    if language == "sh":
        return f"%%sh\n{block}"
    if language == "yaml" and file:
        return f"%%writefile {file[1]}\n{block}"
    return None


def text_cell(text: str) -> dict[str, Any]:
    """Return a cell of text."""
    return {"cell_type": "markdown", "metadata": {}, "source": source(text)}


def code_cell(code: str) -> dict[str, Any]:
    """Return a cell that has not run yet."""
    empty: dict[str, Any] = {"execution_count": None, "metadata": {}, "outputs": []}
    return {"cell_type": "code", **empty, "source": source(code)}


def source(text: str) -> list[str]:
    """Return text as a notebook keeps it: lines with their ends, but for the last."""
    return text.strip("\n").splitlines(keepends=True)


if __name__ == "__main__":
    page = (FOLDER / "tutorial.md").read_text(encoding="utf-8")
    (FOLDER / "tutorial.ipynb").write_text(notebook(page), encoding="utf-8")
    print(f"wrote {FOLDER / 'tutorial.ipynb'}")

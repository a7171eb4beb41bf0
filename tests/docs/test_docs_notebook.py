"""docs/tutorial.ipynb is docs/tutorial.md as a notebook, whose code test_docs_in_order.py runs."""

from __future__ import annotations

import json
import runpy

from docs_pages import DOCS, blocks

NOTEBOOK = DOCS / "tutorial.ipynb"
PAGE = DOCS / "tutorial.md"


def cells(kind: str) -> list[str]:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def test_it_is_in_step() -> None:
    made = runpy.run_path(str(DOCS / "make_notebook.py"))["notebook"](PAGE.read_text("utf-8"))
    assert NOTEBOOK.read_text(encoding="utf-8") == made, "run: python docs/make_notebook.py"


def test_its_code_is_what_the_page_runs() -> None:
    """Counted from the page's blocks, which another module reads."""
    run = [b for b in blocks(PAGE, "python", "sh") if b.runs and not b.file]
    files = [b for b in blocks(PAGE, "yaml") if b.file and not b.refused]
    code = cells("code")
    assert len(code) == len(run) + len(files)
    for block in (*run, *files):
        assert any(cell.endswith(block.text.rstrip("\n")) for cell in code), block
    for cell in code:
        assert "# not run" not in cell


def test_nothing_of_the_page_is_lost() -> None:
    text = "\n".join(cells("markdown") + cells("code"))
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        assert line in text or line.startswith("```"), line

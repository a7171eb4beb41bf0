"""The pages of the documentation and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopynet.data.sources import DATASETS
from loopynet.parts.activations import activations
from loopynet.parts.gradients import gradients, solvers
from loopynet.parts.initializers import initializers
from loopynet.parts.layers import layer_types
from loopynet.parts.merges import merges
from loopynet.parts.optimizers import optimizers, schedules
from loopynet.parts.registry import Registry
from loopynet.parts.unrollings import unrollings

ALL_REGISTRIES: tuple[Registry[Any], ...] = (
    layer_types, merges, activations, initializers, optimizers, schedules, gradients,
    solvers, unrollings, DATASETS,
)  # fmt: skip

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.\w+)( \(refused\))?\n")

IN_ORDER = [DOCS / "tutorial.md", *sorted(DOCS.glob("how-to/*.md"))]
"""Pages that are followed from top to bottom: commands run too, in the order of the page."""

PAGES = sorted(
    [
        *(page for page in DOCS.glob("*.md") if page.name != "results.md"),
        *DOCS.glob("systems/*.md"),
        *DOCS.glob("how-to/*.md"),
        ROOT / "CONTRIBUTING.md",
    ]
)


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        page: the page's file name.
        line: where it begins.
        language: the word after the fence.
        text: its lines.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The name in the first line, if that is a comment with nothing but a file's name."""
        match = _FILE.match(self.text)
        return match[1] if match else None

    @property
    def refused(self) -> bool:
        match = _FILE.match(self.text)
        return bool(match and match[2])

    @property
    def runs(self) -> bool:
        """Whether a test can run it; one that cannot says why in its first line."""
        return not self.text.startswith("# not run: ")

    @property
    def fragment(self) -> bool:
        return "# fragment\n" in self.text

    @property
    def origin(self) -> str | None:
        """The zoo entry of which this is an excerpt."""
        match = re.match(r"# from ([\w-]+)\.yaml\n", self.text)
        return match[1] if match else None


def blocks(page: Path, *languages: str) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page.name, text.count("\n", 0, match.start()) + 1, match[1], match[2])
        for match in _BLOCK.finditer(text)
        if match[1] in languages
    ]


def every_block(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page, *languages)]


def write_files(page: Path, folder: Path) -> None:
    """Write the blocks that begin with a file's name into a folder."""
    for block in blocks(page, "yaml", "python", "toml"):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")

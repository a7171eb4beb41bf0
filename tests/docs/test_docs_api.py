"""docs/api/ describes every public name, from its docstring."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import griffe
import pytest
from docs_pages import DOCS, ROOT

MADE = runpy.run_path(str(DOCS / "make_api.py"))
PAGES: dict[str, str] = MADE["files"]()
SNAPSHOT = (ROOT / "tests" / "api" / "public.txt").read_text(encoding="utf-8")
PACKAGES = dict(re.findall(r"^# (\S+)\n((?:.+\n)*)", SNAPSHOT, re.MULTILINE))


def test_the_pages_are_in_step() -> None:
    assert {file.name for file in (DOCS / "api").glob("*.md")} == set(PAGES)
    for name, text in PAGES.items():
        kept = (DOCS / "api" / name).read_text(encoding="utf-8")
        assert kept == text, "run: python docs/make_api.py"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_described_or_linked(package: str, site: Path) -> None:
    """The names of the snapshot stand on the page, by their headings or as links."""
    html = (site / "api" / f"{package}.html").read_text(encoding="utf-8")
    headings = re.findall(r'<h2 id="([\w.]+)" class="doc doc-heading">', html)
    described = {each.rpartition(".")[2] for each in headings}
    linked = set(re.findall(r'<a href="[\w.]+\.html#[\w.]+">(\w+)</a>', html))
    own, others = names(PACKAGES[package])
    assert described == own
    assert others <= linked


def names(lines: str) -> tuple[set[str], set[str]]:
    """Return the names that a package of the snapshot has, and those that it has of another."""
    own = re.findall(r"^(?:class (\w+)\(|def (\w+)\(|(\w+) = )", lines, re.MULTILINE)
    return {"".join(each) for each in own}, set(re.findall(r"^(\w+) of ", lines, re.MULTILINE))


def test_every_public_name_has_a_docstring() -> None:
    source = griffe.load("loopynet", search_paths=[str(ROOT / "src")], resolve_aliases=True)
    found = re.findall(r"^::: loopynet\.(\S+)", "\n".join(PAGES.values()), re.MULTILINE)
    assert len(found) >= 200
    assert [name for name in found if not source[name].docstring] == []


def test_fields_of_a_spec_have_their_descriptions(site: Path) -> None:
    """Those of pydantic are in `Field`, which docs/field_descriptions.py reads."""
    html = (site / "api" / "loopynet.spec.html").read_text(encoding="utf-8")
    assert "mean of the training images to subtract" in html
    assert "description=" not in html

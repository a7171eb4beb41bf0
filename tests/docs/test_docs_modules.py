"""The drawing of the packages in docs/design.md says what the source says."""

from __future__ import annotations

import re
import runpy

from docs_pages import DOCS
from test_docs_design import ORDER, SOURCE, imports

DRAWING = (DOCS / "images" / "modules.svg").read_text(encoding="utf-8")
LINES = re.findall(r"<title>(\w+) imports (\w+)</title>", DRAWING)


def real_imports() -> dict[str, set[str]]:
    """Read by the walk that also checks the order of the packages."""
    found: dict[str, set[str]] = {}
    for package in ORDER:
        home = SOURCE / package
        files = home.rglob("*.py") if home.is_dir() else [home.with_suffix(".py")]
        found[package] = {name for file in files for _, name in imports(file)} - {package}
    return found


def reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    return edges[start].union(*(reached(each, edges) for each in edges[start]))


def test_it_is_in_step() -> None:
    made = runpy.run_path(str(DOCS / "make_modules.py"))["svg"]()
    assert made == DRAWING, "run: python docs/make_modules.py"


def test_it_has_every_package() -> None:
    assert sorted(re.findall(r"<text[^>]*>(\w+)</text>", DRAWING)) == sorted(ORDER)


def test_its_lines_are_the_imports() -> None:
    real = real_imports()
    drawn = {package: {b for a, b in LINES if a == package} for package in ORDER}
    for package in ORDER:
        assert drawn[package] <= real[package]
        assert reached(package, drawn) == reached(package, real), package


def test_every_line_leads_to_the_left() -> None:
    places = re.findall(r'<text x="([\d.]+)"[^>]*>(\w+)<', DRAWING)
    across = {name: float(x) for x, name in places}
    assert len(LINES) >= 30
    for package, imported in LINES:
        assert across[package] > across[imported]

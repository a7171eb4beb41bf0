"""The site of docs/ builds without a warning, and needs nothing from elsewhere."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from docs_pages import ROOT

_LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Loaded(HTMLParser):
    """The addresses that a browser loads with a page, without a click."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(_LOADED.get(tag, ""))
        if address:
            self.found.append(address)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) >= 40
    for page in pages:
        addresses = Loaded(page).found
        assert any(address.endswith(".css") for address in addresses)
        for address in addresses:
            path = address.partition("?")[0].partition("#")[0]
            start = site if page.name == "404.html" else page.parent
            assert "//" not in address, f"{page.name} loads {address}"
            assert (start / path.lstrip("/")).is_file(), f"{page.name} loads {address}"


def test_root_pages_and_linked_files_are_there(site: Path) -> None:
    for page in ("changelog", "contributing", "security-policy"):
        assert (site / f"{page}.html").is_file()
    linked = site / "repository/src/loopynet/bench/plain.py"
    assert linked.read_bytes() == (ROOT / "src/loopynet/bench/plain.py").read_bytes()


def test_a_link_that_leads_nowhere_fails(tmp_path: Path) -> None:
    """Without this, a lax setting in mkdocs.yml would go unseen."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n\n[gone](gone.md) [no](#no)\n")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    kept = settings[settings.index("use_directory_urls") : settings.index("theme:")]
    validation = settings[settings.index("validation:") : settings.index("markdown_extensions:")]
    (tmp_path / "mkdocs.yml").write_text(f"site_name: test\n{kept}\n{validation}")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "gone.md" in done.stderr
    assert "#no" in done.stderr

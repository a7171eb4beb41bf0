"""What MkDocs does besides: pages and files of the repository that lie outside docs/.

On the repository's own pages a link such as `../CONTRIBUTING.md` leads to the file. In the site,
the three root pages are pages, and any other file that is linked is copied to `repository/`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
}
"""Where a root page stands in the site."""

_LINK = re.compile(r"\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root pages, and the files outside docs/ that any page links."""
    for name, uri in ROOT_PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / name).read_text("utf-8")))
    for page in files.documentation_pages():
        for target in _outside(page.src_uri, page.content_string):
            uri = f"repository/{target}"
            if target not in ROOT_PAGES and uri not in files.src_uris:
                files.append(File.generated(config, uri, abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to the repository's files at where they stand in the site."""
    here = page.file.src_uri

    def moved(match: re.Match[str]) -> str:
        path = _in_repository(here, match[1])
        inside = path.relative_to("docs").as_posix() if path.is_relative_to("docs") else None
        uri = inside or ROOT_PAGES.get(path.as_posix(), f"repository/{path.as_posix()}")
        relative = Path(os.path.relpath(uri, Path(here).parent)).as_posix()
        return f"]({relative}{match[2] or ''})"

    return _LINK.sub(moved, markdown)


def _outside(here: str, markdown: str) -> set[str]:
    """Return the files outside docs/ that a page links, from the repository's root."""
    paths = {_in_repository(here, match[1]) for match in _LINK.finditer(markdown)}
    return {
        path.as_posix()
        for path in paths
        if not path.is_relative_to("docs") and (ROOT / path).is_file()
    }


def _in_repository(here: str, target: str) -> Path:
    """Return where a link of a page leads, from the repository's root."""
    sources = {uri: Path(name) for name, uri in ROOT_PAGES.items()}
    folder = sources.get(here, Path("docs", here)).parent
    return Path(os.path.normpath(folder / target))

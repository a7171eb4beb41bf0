"""Every text of a page is escaped, wherever it comes from."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from loopynet.page import Section, bullets, code, details, paragraph, render_page, table
from loopynet.report import report_run
from loopynet.run import RunFolder
from loopynet.zoo import pretrained_folder

MARK = "xsspwn"
HOSTILE = [
    f"<script>{MARK}()</script>", f'"><img src=x onerror={MARK}()>', f"' onload='{MARK}()",
    f"</code></pre></style></title><svg onload={MARK}()>", f"javascript:{MARK}()",
    f"{{{{{MARK}}}}}{{% raw %}}", f"]]><{MARK}>", f"&lt;{MARK}&gt;<!--", f"$\\frac{{{MARK}$",
    f'<a href="#x" id="{MARK}">', f"--><{MARK}/>",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.builds("".join, st.lists(st.sampled_from([*HOSTILE, "<", ">", '"', "'", "&"]), max_size=4)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
ALLOWED_TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "section",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "div", "figure", "figcaption", "img",
    "pre", "code", "details", "summary", "ul", "li", "svg", "g", "defs", "path", "use", "text",
    "clippath", "rect", "desc", "tspan", "line", "polyline", "circle", "marker", "polygon",
}  # fmt: skip


class Page(HTMLParser):
    """Collects the tags, attributes and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def assert_harmless(html: str) -> Page:
    page = Page()
    page.feed(html)
    assert page.tags <= ALLOWED_TAGS, page.tags - ALLOWED_TAGS
    for name, value in page.attributes:
        assert not name.startswith("on"), name
        if name in ("href", "src", "xlink:href", "action", "style"):
            assert MARK not in str(value)
        if name == "src":
            assert str(value).startswith("data:image/png;base64,")
        if "href" in name:
            assert str(value).startswith("#")
    return page


@given(st.lists(TEXTS, min_size=6, max_size=6))
def test_elements_escape(texts: list[str]) -> None:
    a, b, c, d, e, f = texts
    body = paragraph(a) + bullets([b]) + code(c) + details(d, e) + table((a, b), [(c, d)], e)
    page = assert_harmless(render_page(f, [Section(a, body)], b))
    said = "".join(page.words)
    for text in texts:  # nothing is lost: a reader sees the name as it is
        assert "".join(text.split()) in "".join(said.split())


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(pretrained_folder("mnist-loopy"), folder)
    answers = RunFolder(folder).answers()
    few = {name: value[..., :200].to(torch.int32).clone() for name, value in answers.items()}
    save_file(few, folder / "answers.safetensors")
    return folder


def put_in(folder: Path, texts: list[str]) -> None:
    """Write texts wherever a run folder has any."""
    source = pretrained_folder("mnist-loopy")
    results = json.loads((source / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps({**results, "kept": texts[0]}))
    names = [*texts, *"0123456789"][:10]
    provenance = {"name": texts[1], "origin": texts[2], texts[3]: {"notes": [texts[4]]}}
    data = {"class_names": names, "provenance": provenance}
    (folder / "data.json").write_text(json.dumps(data))
    environment = {"command": [texts[0], *texts], "device": texts[1], texts[2]: texts[3]}
    (folder / "environment.json").write_text(json.dumps(environment))


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TEXTS, min_size=5, max_size=5))
def test_reports_of_hostile_runs_escape(copied: Path, texts: list[str]) -> None:
    put_in(copied, texts)
    file = report_run(RunFolder(copied))
    assert_harmless(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [f"<img src=x onerror={MARK}()>", "a & b", '"quoted"'])
def test_the_name_of_a_run_folder_is_escaped(copied: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.replace("/", "_")
    shutil.copytree(copied, folder)
    (folder / "results.json").unlink()
    (folder / "failure.txt").write_text(HOSTILE[0])
    assert_harmless(report_run(RunFolder(folder)).read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", HOSTILE)
def test_charts_and_drawings_escape(text: str) -> None:
    from loopynet.report.bars import bars

    chart = bars(text, text, [(text, 1.0), ("b", 2.0)])
    page = assert_harmless(render_page("x", [Section("y", chart)]))
    assert "".join(text.split()) in "".join("".join(page.words).split())


@pytest.mark.parametrize("text", HOSTILE)
def test_measurements_that_were_left_in_a_run_folder_are_escaped(tmp_path: Path, text: str) -> None:
    from loopynet.explain.measured_section import measured_section

    line = text.replace("|", "/")
    page = f"# {text}\n\n{text}\n\n| {line} | b |\n| --- | --- |\n| {line} | 1 |\n"
    (tmp_path / "measurements.md").write_text(page)
    section = measured_section(tmp_path)
    assert section is not None
    assert_harmless(render_page("x", [section]))

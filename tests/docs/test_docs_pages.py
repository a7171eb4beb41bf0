"""The examples in the pages work: YAML is a network, Python runs, commands print what is shown."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import pytest
from docs_pages import (
    DOCS,
    IN_ORDER,
    PAGES,
    ROOT,
    Block,
    blocks,
    every_block,
    write_files,
)

from loopynet import LoopyNetWarning, SpecError, build_graph, parse_spec
from loopynet.cli.main import build_parser, main
from loopynet.spec.read import validate
from loopynet.spec.source import Source, parse_source
from loopynet.zoo import zoo_text

QUICK = {"check", "describe", "zoo", "import"}
"""Commands that need no trained run."""

BASE = next(b for b in blocks(DOCS / "spec.md", "yaml") if b.file == "loop.yaml").text
"""What completes the fragments."""


@pytest.mark.parametrize("block", every_block("yaml"), ids=str)
def test_yaml_describes_a_network(block: Block) -> None:
    if block.refused:
        with pytest.raises(SpecError):
            build_graph(parse_spec(block.text))
    elif block.origin:
        _assert_within(parse_source(block.text).data, parse_source(zoo_text(block.origin)).data)
    elif block.fragment:
        merged = {**parse_source(BASE).data, **parse_source(block.text).data}
        build_graph(validate(Source("fragment", merged, {})))
    else:
        build_graph(parse_spec(block.text))


def _assert_within(part: object, whole: object) -> None:
    """Check that an excerpt says what the whole says."""
    if isinstance(part, dict) and isinstance(whole, dict):
        for key, value in part.items():
            _assert_within(value, whole[key])
    else:
        assert part == whole


@pytest.mark.usefixtures("registries_restored")
@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p not in IN_ORDER and blocks(p, "python")],
    ids=lambda p: p.name,
)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other, but for those that are files."""
    monkeypatch.chdir(tmp_path)
    write_files(page, tmp_path)
    names: dict[str, object] = {"__name__": page.stem}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LoopyNetWarning)
        for block in blocks(page, "python"):
            if not block.file:
                exec(compile(block.text, str(block), "exec"), names)
    said = " ".join(page.read_text(encoding="utf-8").split())
    ours = [str(each.message) for each in caught if each.category is LoopyNetWarning]
    assert [text for text in ours if text not in said] == []


@pytest.mark.parametrize("block", every_block("console"), ids=str)
def test_console_shows_what_commands_print(
    block: Block,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(next(page for page in PAGES if page.name == block.page), tmp_path)
    printed = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            program, *arguments = shlex.split(line)[1:]
            assert program == "loopynet"
            assert arguments[0] in QUICK, f"{block}: show commands that train in a `sh` block"
            main(arguments)
            printed += [line, *"".join(capsys.readouterr()).splitlines()]
    assert printed == block.text.splitlines()


@pytest.mark.parametrize("block", every_block("sh"), ids=str)
def test_commands_are_complete(block: Block) -> None:
    """Each `loopynet` command is one that the command line accepts, each `make` a target."""
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if "loopynet" in words[:2] and "pip" not in words:
            words = words[: words.index(">")] if ">" in words else words
            build_parser().parse_args(words[words.index("loopynet") + 1 :])
        elif words[:1] == ["make"]:
            assert words[1] in targets, line


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        file = page.parent / path if path else page
        assert file.exists() or file == DOCS / "results.md", f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


def test_index_has_a_line_for_each_page() -> None:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in [*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md")]:
        name = page.relative_to(DOCS).as_posix()
        assert name == "index.md" or f"({name})" in text, name

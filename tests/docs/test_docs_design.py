"""What docs/design.md says of the code holds: the order of imports, dependencies, registries."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs_pages import ALL_REGISTRIES, DOCS, ROOT, blocks

PAGE = DOCS / "design.md"
TEXT = PAGE.read_text(encoding="utf-8")
SOURCE = ROOT / "src" / "loopynet"
ORDER = re.search(r"^    (errors .*)$", TEXT, re.MULTILINE)[1].split()  # type: ignore[index]


def test_the_order_has_every_package() -> None:
    found = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert set(ORDER) == found - {"__init__", "__main__", "__pycache__"}


@pytest.mark.parametrize("package", ORDER)
def test_packages_import_only_from_their_left(package: str) -> None:
    allowed = set(ORDER[: ORDER.index(package) + 1])
    home = SOURCE / package
    for file in (
        [home.with_suffix(".py")] if home.with_suffix(".py").exists() else home.rglob("*.py")
    ):
        for line, imported in imports(file):
            place = f"{file.relative_to(SOURCE)}:{line}"
            assert imported in allowed, f"{place} imports {imported}, which is right of {package}"


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and package of every import of ours, in functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            modules = [node.module or ""]
            if modules == ["loopynet"]:  # its version, or packages
                names = {alias.name for alias in node.names} - {"__version__"}
                modules = [f"loopynet.{name}" for name in names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            if module.startswith("loopynet."):
                yield node.lineno, module.split(".")[1]


LIGHT = [
    "import loopynet",
    "import loopynet; loopynet.NetworkSpec, loopynet.load_spec",
    "import loopynet.cli.main; loopynet.cli.main.build_parser().format_help()",
    "from loopynet import build_graph, load_spec; build_graph(load_spec('cifar10-loopy'))",
]


@pytest.mark.parametrize("code", LIGHT)
def test_torch_is_not_imported(code: str) -> None:
    check = "import sys; assert 'torch' not in sys.modules, 'torch was imported'"
    subprocess.run([sys.executable, "-c", f"{code}\n{check}"], check=True)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    optional = [line for extra in extras if extra != "dev" for line in extras[extra]]
    names = {re.split(r"[><=\[]", line)[0] for line in project["dependencies"] + optional}
    section = TEXT.split("## Dependencies")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == names
    for line in extras["dev"]:
        name = re.split(r"[><=\[]", line)[0]
        assert name == "loopynet" or f"`{name}`" in section


def test_every_registry_has_a_row() -> None:
    for registry in ALL_REGISTRIES:
        assert re.search(
            rf"^\| {registry.kind.split()[-1]}|\| `{registry.group}` \|", TEXT, re.MULTILINE
        )
        assert f"| `{registry.group}` |" in TEXT


def test_a_package_adds_a_merge(tmp_path: Path) -> None:
    """The example of the page, installed as pip would: a module beside its entry points."""
    files = {block.file: block.text for block in blocks(PAGE, "python", "toml", "yaml")}
    (tmp_path / "my_merges.py").write_text(files["my_merges.py"])
    (tmp_path / "difference.yaml").write_text(files["difference.yaml"])
    points = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]
    lines = [
        f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in g.items())
        for group, g in points.items()
    ]
    installed = tmp_path / "my_merges-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: my-merges\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("\n".join(lines) + "\n")
    code = (
        "import sys, torch; from loopynet import LoopyNet; from loopynet.cli.main import main\n"
        "net = LoopyNet.from_yaml('difference.yaml').eval(); x = torch.rand(2, 1, 28, 28)\n"
        "trace = net.trace(x); assert torch.equal(trace['prediction@2'], x - trace['conv_2@1'])\n"
        "sys.exit(main(['check', 'difference.yaml']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)

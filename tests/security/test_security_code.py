"""Nothing in the source can run what a stranger sent: what could stands in a list, explained."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "loopynet"

MODULES = {
    "cloudpickle", "code", "ctypes", "dill", "importlib", "joblib", "marshal", "pickle",
    "pty", "runpy", "shelve", "socket", "subprocess", "tarfile", "urllib", "webbrowser", "xmlrpc",
    "zipfile", "requests", "http", "multiprocessing",
}  # fmt: skip
"""Modules that start programs, load code, open connections or unpack archives."""

CALLS = {
    "eval", "exec", "compile", "__import__", "breakpoint", "input", "os.system", "os.popen",
    "os.execv", "os.spawnv", "os.startfile", "os.symlink", "shutil.unpack_archive",
    "yaml.load", "yaml.full_load", "yaml.unsafe_load", "yaml.load_all", "yaml.Loader",
    "yaml.UnsafeLoader", "yaml.FullLoader", "torch.load", "torch.hub.load", "torch.jit.load",
    "torch.package", "torch.export.load", "np.load", "numpy.load", "np.fromfile", "pd.read_pickle",
    "Image.open", "Markup", "Environment", "ET.parse", "minidom.parse", "XMLParser",
}  # fmt: skip
"""Calls that could run, construct or show what they read."""

ALLOWED = {
    ("__init__.py", "importlib"): "the public names are loaded when used, from a fixed table",
    ("parts/registry.py", "importlib"): "plug-ins: entry points of installed packages only",
    ("cli/main.py", "importlib"): "commands are loaded when used, from our own names",
    ("cli/measuring.py", "importlib"): "importlib.metadata: the version of torch",
    ("training/environment.py", "importlib"): "importlib.metadata: versions of packages",
    ("zoo/__init__.py", "importlib"): "importlib.resources: files of this package",
    ("reproduce/future_work.py", "importlib"): "importlib.resources: a file of this package",
    ("export/onnx_file.py", "importlib"): "importlib.util.find_spec: whether onnx is installed",
    ("training/environment.py", "subprocess"): "git, in the folder of this package, fixed words",
    ("compare/run_cells.py", "subprocess"): "this Python with -m loopynet, a list of words",
    ("serve/building.py", "subprocess"): "this Python with -m loopynet, a list of words",
    ("bench/measures.py", "subprocess"): "this Python, to measure imports, a list of words",
    ("bench/turns.py", "subprocess"): "this Python with a worker of ours, a list of words",
    ("training/allocator.py", "ctypes"): "a setting of the C library's memory allocator",
    ("training/checkpointing.py", "torch.load"): "a checkpoint, with weights_only=True",
    ("data/decode.py", "Image.open"): "the one place that opens images, of listed formats",
    ("page/document.py", "Environment"): "jinja2 with autoescape and a template of ours",
}
"""What stands in the source all the same, and why nothing of a stranger gets to it."""


def found() -> Iterator[tuple[str, str, ast.AST]]:
    """Give file, name and node of each use."""
    for file in sorted(SOURCE.rglob("*.py")):
        place = str(file.relative_to(SOURCE))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name in _names(node):
                yield place, name, node


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from ({m.split(".")[0] for m in modules} & MODULES)
        if isinstance(node, ast.ImportFrom):  # from torch import load
            yield from ({f"{node.module}.{a.name}" for a in node.names} & CALLS)
    elif isinstance(node, ast.Attribute) and ast.unparse(node) in CALLS:
        yield ast.unparse(node)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
        yield ast.unparse(node.func)


USES = [use for use in found() if use[1] != "Markup"]


def test_what_could_run_or_load_code_is_explained() -> None:
    new = {(file, name) for file, name, _ in USES} - set(ALLOWED)
    assert not new, f"not in ALLOWED: {sorted(new)}"


def test_the_list_is_in_step() -> None:
    assert set(ALLOWED) == {(file, name) for file, name, _ in USES}


def calls(name: str) -> list[ast.Call]:
    return [node for _, n, node in found() if n == name and isinstance(node, ast.Call)]


def test_weights_are_loaded_as_weights_only() -> None:
    loads = calls("torch.load")
    assert loads
    assert all("weights_only=True" in ast.unparse(load) for load in loads)
    fits = [
        node
        for node in ast.walk(ast.parse((SOURCE / "training/train.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "trainer.fit"
    ]
    assert fits
    assert all("weights_only=True" in ast.unparse(fit) for fit in fits)


def test_images_are_opened_by_format_and_pages_escape() -> None:
    (opened,) = calls("Image.open")
    assert "formats=FORMATS" in ast.unparse(opened)
    (environment,) = calls("Environment")
    assert "autoescape=True" in ast.unparse(environment)


def test_no_program_is_started_by_a_shell() -> None:
    for file, _, node in found():
        if isinstance(node, ast.Call):
            assert "shell=True" not in ast.unparse(node), file


WRITTEN = {
    ("foreign.py", "partial.open('xb')"): "the way that all others take",
    ("cli/commands.py", "output.open('x', encoding='utf-8')"): "a new file only",
    ("cli/exporting.py", "path.open('wb')"): "the user's file; a link there is removed before",
    ("compare/run_cells.py", "(run.path / LOG).open('ab')"): "of a folder without links out",
    ("compare/run_cells.py", "(path / '.lock').open('ab')"): "of a folder without links out",
    ("serve/building.py", "(run.path / LOG).open('ab')"): "of a folder that was made just before",
    ("bench/turns.py", "self._log.open('ab')"): "a folder that the benchmark made",
}
RUNS = {"run", "self.run", "self", "folder", "job.folder.run"}
"""Run folders, whose `write_text` follows no link."""


def test_files_are_written_in_one_way() -> None:
    """`Path.write_text` and `open` would follow a link that a stranger put there."""
    written = set()
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            how, receiver = node.func.attr, ast.unparse(node.func.value)
            mode = node.args[0] if node.args else None
            modes = set(str(mode.value)) if isinstance(mode, ast.Constant) else set()
            opened = how == "open" and modes & {"w", "a", "x"}
            direct = how in ("write_text", "write_bytes") and receiver not in RUNS
            if opened or direct:
                written.add((str(file.relative_to(SOURCE)), ast.unparse(node)))
    assert written == set(WRITTEN)


MARKED = {
    ("page/elements.py", "Markup(f'<{tag}{attributes}>{{}}</{tag}>')"): "tags of ours",
    ("page/pictures.py", "Markup(head)"): "the head of a drawing of ours, made by matplotlib",
    ("page/pictures.py", "Markup(bare[end + 1:])"): "its rest; matplotlib escapes its texts",
}


def test_markup_is_made_of_literals() -> None:
    """Markup that is not a literal is not escaped: each stands in a list."""
    made = {
        (file, ast.unparse(node))
        for file, name, node in found()
        if name == "Markup" and isinstance(node, ast.Call)
        if not (node.args and isinstance(node.args[0], ast.Constant))
    }
    assert made == set(MARKED)


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from torch import load", "eval('1')", "torch.load(x)", "yaml.load(x)",
        "from importlib import import_module", "import os; os.system('x')", "Image.open(x)",
        "import subprocess as s", "np.load(x, allow_pickle=True)",
    ],
)  # fmt: skip
def test_the_search_finds(code: str) -> None:
    assert [name for node in ast.walk(ast.parse(code)) for name in _names(node)]

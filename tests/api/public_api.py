"""Prints the public API: `python tests/api/public_api.py > tests/api/public.txt` (`make api`).

Names are those that a package exports in `__all__`; signatures are read from the source, so that
they are the same for every version of Python and need no import.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def lines() -> Iterator[str]:
    """Give a line for each name, and for each field, property and method of a class."""
    described: dict[tuple[Path, int], str] = {}
    for file in sorted((SOURCE / "loopynet").rglob("__init__.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = _exported(tree)
        if names:
            module = ".".join(file.parent.relative_to(SOURCE).parts)
            yield f"# {module}"
            for name in sorted(names):
                node, home = _found(name, file, tree)
                place = (home, getattr(node, "lineno", 0))
                first = described.setdefault(place, module)
                yield from _described(name, node) if first == module else [f"{name} of {first}"]
            yield ""


def _exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def _found(name: str, file: Path, tree: ast.Module) -> tuple[ast.AST, Path]:
    """Return where a name is defined, through imports of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(
            (a.asname or a.name) == name for a in node.names
        ):
            original = next(a.name for a in node.names if (a.asname or a.name) == name)
            path = SOURCE.joinpath(*str(node.module).split("."))
            home = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            return _found(original, home, ast.parse(home.read_text(encoding="utf-8")))
    for node in tree.body:
        if getattr(node, "name", None) == name:
            return node, file
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if any(isinstance(t, ast.Name) and t.id == name for t in targets):
            return node, file
    raise LookupError(f"{file}: exports {name}, which it neither defines nor imports")


def _described(name: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield _signature(name, node)
    elif isinstance(node, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, node.bases))
        yield f"class {name}({bases})"
        yield from (f"    {line}" for line in _members(node))
    else:
        value = ast.unparse(node.value) if getattr(node, "value", None) else ""
        yield f"{name} = {value}" if len(value) < 200 else f"{name} = ..."


def _members(node: ast.ClassDef) -> Iterator[str]:
    for member in node.body:
        name = getattr(member, "name", "") or ast.unparse(getattr(member, "target", ast.Name("")))
        if name.startswith("_") and name not in ("__init__", "__call__", "__len__"):
            continue
        if isinstance(member, ast.FunctionDef):
            marks = [ast.unparse(d) for d in member.decorator_list]
            yield _signature(name, member, "".join(f"@{m} " for m in marks if "(" not in m))
        elif isinstance(member, ast.AnnAssign):
            value = "" if member.value is None else f" = {_default(member.value)}"
            yield f"{name}: {ast.unparse(member.annotation)}{value}"


def _default(value: ast.expr) -> str:
    """Return a field's default without the description that it has for the documentation."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        value.keywords = [k for k in value.keywords if k.arg != "description"]
    return ast.unparse(value)


def _signature(name: str, node: ast.FunctionDef, marks: str = "") -> str:
    returned = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    return f"{marks}def {name}({ast.unparse(node.args)}){returned}"


if __name__ == "__main__":
    print("\n".join(lines()).rstrip())

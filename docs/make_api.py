"""Write docs/api/: a page for each package, of names that mkdocstrings describes by docstrings.

A name stands on the page of the first package that exports it, and as a link on the others.
"""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import loopynet

FOLDER = Path(__file__).parent / "api"
SOURCE = Path(loopynet.__file__).parent

INDEX = """\
# The Python API

What each package exports. These pages are filled in by `make docs` from the docstrings in `src/`;
in the repository they are lists of names. Written by `python docs/make_api.py`.

| package | what it holds |
| --- | --- |
"""


def packages() -> list[str]:
    """Return the packages that export names, `loopynet` itself first."""
    files = sorted(SOURCE.rglob("__init__.py"))
    names = [".".join(("loopynet", *f.parent.relative_to(SOURCE).parts)) for f in files]
    return [name for name in sorted(names) if getattr(import_module(name), "__all__", ())]


def homes() -> dict[str, list[tuple[str, str]]]:
    """Return the exported names of each package, each with the package that describes it."""
    first: dict[int, str] = {}
    found: dict[str, list[tuple[str, str]]] = {}
    for package in packages():
        module = import_module(package)
        found[package] = [
            (name, first.setdefault(id(getattr(module, name)), package))
            for name in sorted(module.__all__, key=str.lower)
        ]
    return found


def page(package: str, names: list[tuple[str, str]]) -> str:
    """Return the page of a package."""
    parts = [f"# {package}", inspect.cleandoc(import_module(package).__doc__ or "")]
    elsewhere = [
        f"[{name}]({home}.md#{identifier(home, name)})" for name, home in names if home != package
    ]
    if elsewhere:
        parts.append(f"Described with another package: {', '.join(elsewhere)}.")
    parts += [f"::: {identifier(package, name)}" for name, home in names if home == package]
    return "\n\n".join(parts) + "\n"


def identifier(package: str, name: str) -> str:
    """Return the path of a name in the source: its file's if the file has the same name."""
    home = getattr(getattr(import_module(package), name), "__module__", None) or package
    return f"{home}.{name}" if home.endswith(f".{name}") else f"{package}.{name}"


def rows() -> Iterator[str]:
    """Give a row of the index for each package."""
    for package in packages():
        first = inspect.cleandoc(import_module(package).__doc__ or "").split("\n\n")[0]
        yield f"| [{package}]({package}.md) | {' '.join(first.split())} |\n"


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    pages = {f"{package}.md": page(package, names) for package, names in homes().items()}
    return {"index.md": INDEX + "".join(rows()), **pages}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"wrote {FOLDER}")

"""Python literals as data: the text is parsed, never run, and every value keeps its place."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from loopynet.legacy.place import Place, refuse, shown

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 20
MAX_ITEMS = 2_000
# No size, count or shape of a network comes near; text of far larger numbers cannot even be shown.
MAX_NUMBER = 10**9

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"


@dataclass(frozen=True)
class Node:
    """A value of the file and its place; lists (tuples too) and dictionaries hold nodes again."""

    value: str | int | float | bool | list[Node] | dict[str, Node] | None
    place: Place


def read_literal(text: str, source: str, notes: list[str]) -> Node:
    """Return the one literal that `text` holds; equal repetitions of a key add to `notes`.

    Raises:
        SpecError: the text is too large, no Python expression, or not plain data.
    """
    if len(text) > MAX_CHARACTERS:
        limit = f"{MAX_CHARACTERS:,} characters"
        refuse(Place(source, 1), f"the file is larger than {limit}; a network file is far smaller")
    return _node(_parse(_without_indent(text), source), Place(source, 1), 0, notes)


def plain(node: Node) -> Plain:
    """Return the value of `node` without places."""
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def _without_indent(text: str) -> str:
    # Comments and blank lines stay, so that line numbers hold; an indented first line would be an
    # error for the parser although the library accepted it.
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    for number, line in enumerate(lines):
        content = line.strip()
        if content and not content.startswith("#"):
            lines[number] = line.lstrip()
            break
    return "".join(lines)


def _parse(text: str, source: str) -> ast.expr:
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        refuse(Place(source, line), "a NUL byte; save the file as plain text")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        _refuse_syntax(error, Place(source, max(error.lineno or 1, 1)))
    except (RecursionError, MemoryError):
        refuse(Place(source, 1), "nested too deeply; a network file needs a few levels only")
    except ValueError:  # text that has no UTF-8 form, such as half of a surrogate pair
        refuse(Place(source, 1), "characters that are no text; save the file as UTF-8")


def _refuse_syntax(error: SyntaxError, place: Place) -> NoReturn:
    reason = " ".join(str(error.msg).split()).encode("ascii", "backslashreplace").decode()
    reason = reason.rstrip(".?!")[:200]
    refuse(
        place, f"not one Python dictionary ({reason}); write {{...}} with a comma after each item"
    )


def _node(expression: ast.expr, place: Place, depth: int, notes: list[str]) -> Node:
    if depth > MAX_DEPTH:
        refuse(place, f"nested deeper than {MAX_DEPTH} levels; a network file needs a few only")
    items = getattr(expression, "elts", None) or getattr(expression, "values", None) or []
    if len(items) > MAX_ITEMS:
        refuse(place, f"more than {MAX_ITEMS:,} items; a network file has far fewer")
    if isinstance(expression, ast.Dict):
        return _dictionary(expression, place, depth, notes)
    if isinstance(expression, ast.List | ast.Tuple):
        items = [
            _node(item, place.at(str(index), item.lineno), depth + 1, notes)
            for index, item in enumerate(expression.elts)
        ]
        return Node(items, place)
    return Node(_scalar(expression, place), place)


def _dictionary(expression: ast.Dict, place: Place, depth: int, notes: list[str]) -> Node:
    items: dict[str, Node] = {}
    for key, value in zip(expression.keys, expression.values, strict=True):
        if key is None:
            here = Place(place.source, value.lineno, place.path)
            refuse(here, "a ** is code, not data; write the items out")
        name = _scalar(key, Place(place.source, key.lineno, place.path))
        if not isinstance(name, str):
            here = Place(place.source, key.lineno, place.path)
            refuse(here, f"the key {shown(name)} is no text; write keys in quotes")
        # A container is found by the line of its key, a scalar by its own.
        container = isinstance(value, ast.Dict | ast.List | ast.Tuple)
        here = place.at(name, key.lineno if container else value.lineno)
        node = _node(value, here, depth + 1, notes)
        if name in items:
            _compare_repetition(items[name], node, notes)
        items[name] = node
    return Node(items, place)


def _compare_repetition(first: Node, second: Node, notes: list[str]) -> None:
    line = first.place.line
    # Compared as text: 1, 1.0 and True are equal in Python but say different things here.
    if repr(plain(first)) != repr(plain(second)):
        refuse(second.place, f"differs from the same key on line {line}; keep one of the two")
    lines = f"lines {line} and {second.place.line}"
    notes.append(f"{second.place.path} stands twice with the same content ({lines}); read once.")


def _scalar(expression: ast.expr, place: Place) -> str | int | float | bool | None:
    if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.USub):
        number = _scalar(expression.operand, place) if _is_number(expression.operand) else None
        if isinstance(number, int | float):
            return -number
    if not isinstance(expression, ast.Constant):
        _refuse_code(expression, place)
    value = expression.value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, int | float):
        if abs(value) > MAX_NUMBER:
            refuse(place, f"a number beyond {MAX_NUMBER:,}; write a smaller one")
        return value
    word = {bytes: "bytes", complex: "a complex number"}.get(type(value), "an ellipsis")
    return refuse(place, f"{word} cannot be read; write text, a number, True, False or None")


def _is_number(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and type(expression.value) in (int, float)


def _text(value: str, place: Place) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        refuse(place, f"{shown(value)} is no valid text; remove the surrogate character")
    return value


_CODE = {
    ast.Lambda: "a lambda",
    ast.Call: "a call",
    ast.JoinedStr: "an f-string",
    ast.Set: "a set",
    ast.Name: "a name",
    ast.Attribute: "an attribute",
    ast.BinOp: "an operation",
    ast.UnaryOp: "an operation",
    ast.ListComp: "a comprehension",
    ast.DictComp: "a comprehension",
}


def _refuse_code(expression: ast.expr, place: Place) -> NoReturn:
    here = Place(place.source, expression.lineno, place.path)
    word = _CODE.get(type(expression), "an expression")
    if isinstance(expression, ast.Name):
        word = f"the name {shown(expression.id)}"
    advice = "write the value itself"
    if place.path.rpartition(".")[2].startswith("composition"):
        advice = 'write "sum" or "mul" as composition_mode'
    refuse(here, f"{word} is code, not data; {advice}")

"""From a YAML file to a NetworkSpec, or to one screen of plain messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loopynet.errors import SpecError, did_you_mean
from loopynet.spec.network import NetworkSpec
from loopynet.spec.source import DEEPEST, Place, Source, parse_source, read_source

MESSAGES_SHOWN = 8

_INDEX = re.compile("[0-9]{1,6}")

_PLAIN = {
    "missing": "missing key",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a word",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
    "tuple_type": "must be a list [...]",
    "list_type": "must be a list [...]",
    "finite_number": "must be a finite number",
}


_NAMED_CHOICES = frozenset(
    {"activation", "init", "bias_init", "norm", "optimizer", "learning_rate_schedule"}
)


def read_spec(file: Path | str, overrides: Iterable[str] = ()) -> NetworkSpec:
    """Read and validate a YAML file.

    Args:
        file: its path.
        overrides: changes such as "training.epochs=5", applied before validation.

    Raises:
        SpecError: with file, line and key of each mistake.
    """
    return validate(override(read_source(file), overrides))


def parse_spec(text: str, name: str = "<string>") -> NetworkSpec:
    """Validate YAML text; otherwise as `read_spec`.

    Args:
        text: the YAML.
        name: what errors call it, in place of a file's path.
    """
    return validate(parse_source(text, name))


def override(source: Source, changes: Iterable[str]) -> Source:
    """Return the source with changes such as "training.epochs=5" made.

    Raises:
        SpecError: a change that is not KEY=VALUE, or whose key leads into something else than a
            mapping or list.
    """
    data = source.data
    changed = set(source.changed)
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise SpecError(f'--set {change}: write KEY=VALUE, such as "training.epochs=5"')
        value = parse_source(text, f"--set {key}").data if text.strip() else None
        path = tuple(key.strip().split("."))
        if not key.isprintable() or len(path) > DEEPEST:
            raise SpecError(f"--set {key[:80]!a}: a key must be words with dots between them")
        data = _changed(data, path, value, change)
        changed.add(tuple(int(k) if _INDEX.fullmatch(k) else k for k in path))
    return replace(source, data=data, changed=frozenset(changed))


def _changed(data: Any, path: tuple[str, ...], value: Any, change: str) -> Any:
    if not path:
        return value
    if data is None:
        data = {}
    if isinstance(data, list) and _INDEX.fullmatch(path[0]) and int(path[0]) < len(data):
        index = int(path[0])
        return [*data[:index], _changed(data[index], path[1:], value, change), *data[index + 1 :]]
    if not isinstance(data, Mapping):
        raise SpecError(f'--set {change}: "{path[0]}" leads into a value that is not a mapping')
    inner = data.get(path[0])
    if isinstance(inner, str) and len(path) > 1:
        # optimizer: sgd and optimizer.momentum=0.9 go together; split: published and a count do not
        inner = {"type": inner} if path[0] in _NAMED_CHOICES else {}
    return {**data, path[0]: _changed(inner, path[1:], value, change)}


def validate(source: Source) -> NetworkSpec:
    """Return the spec that a document describes.

    Raises:
        SpecError: one line for each mistake, with file, line and key.
    """
    if not isinstance(source.data, dict):
        raise SpecError(f"{source.name}:1 must be a mapping with input, layers and main")
    try:
        return NetworkSpec.model_validate(source.data)
    except ValidationError as error:
        messages = _messages(error.errors(include_url=False), source)
    shown = messages[:MESSAGES_SHOWN]
    if len(messages) > len(shown):
        shown.append(f"and {len(messages) - len(shown)} more")
    raise SpecError("\n".join(shown))


def _messages(errors: list[ErrorDetails], source: Source) -> list[str]:
    """Return one message for each key, the alternatives of a union joined."""
    data = _with_templates(source.data)
    found: dict[Place, list[ErrorDetails]] = {}
    for error in errors:
        found.setdefault(_key_path(error["loc"], data), []).append(error)
    # A mistake inside one alternative of a union says more than that the others do not fit.
    outer = {path[:n] for path in found for n in range(len(path))} - {()}
    return [str(source.error(_plain(at), path)) for path, at in found.items() if path not in outer]


def _with_templates(data: dict[str, Any]) -> dict[str, Any]:
    """Return the document with each layer's template merged in, as validation sees it."""
    layers, templates = data.get("layers"), data.get("templates")
    if not isinstance(layers, dict) or not isinstance(templates, dict):
        return data
    merged = {}
    for name, layer in layers.items():
        key = layer.get("template") if isinstance(layer, dict) else None
        template = templates.get(key) if isinstance(key, str) else None
        merged[name] = {**template, **layer} if isinstance(template, dict) else layer
    return {**data, "layers": merged}


def _key_path(location: Place, data: Any) -> Place:
    """Return the part of pydantic's location that are keys, without its names of alternatives."""
    path: list[str | int] = []
    for i, key in enumerate(location):
        last = i == len(location) - 1
        if isinstance(key, str) and not _is_key(key, data, last=last):
            continue
        path.append(key)
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            data = None
    return tuple(path)


def _is_key(key: str, data: Any, *, last: bool) -> bool:
    """Say whether a word of a location is a key of the data, or a missing one."""
    return isinstance(data, dict) and (key in data or (last and key.isidentifier()))


def _plain(errors: list[ErrorDetails]) -> str:
    """Return what is wrong with one key in plain words."""
    texts = list(dict.fromkeys(_phrase(error) for error in errors))
    value = errors[0].get("input")
    said = " or ".join([texts[0], *(text.removeprefix("must be ") for text in texts[1:])])
    return f"{said}, not {_show(value)}" if texts[0].startswith("must be ") else said


def _phrase(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "string_pattern_mismatch":
        return (
            f"{_show(error.get('input'))} is no valid name; use letters, digits, _ and -, "
            "beginning with a letter"
        )
    if kind == "union_tag_invalid":
        context = error.get("ctx", {})
        tags = context.get("expected_tags", "")
        hint = did_you_mean(context.get("tag"), re.findall("'([^']*)'", tags)) or f" Known: {tags}."
        tag = context.get("tag")
        return f'no type "{tag}".{hint}'
    if kind in ("literal_error", "enum"):
        return f"must be {error.get('ctx', {}).get('expected', '')}"
    return error["msg"].replace("Input should be", "must be").removeprefix("Value error, ")


def _show(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

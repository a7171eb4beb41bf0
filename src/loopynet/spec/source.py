"""Reading YAML as plain data, remembering the line of every key.

The YAML is the 1.2 core subset: `true`/`false` are the only booleans, `1e-3` is a number, tags are
refused, nothing is ever constructed but dict, list, str, int, float, bool and None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from loopynet.errors import SpecError
from loopynet.foreign import encodes, read_text

LARGEST_FILE = 1_000_000
LARGEST_DOCUMENT = 100_000
MOST_NODES = 2 * LARGEST_DOCUMENT
"""Values and keys."""

DEEPEST = 50

Place = tuple[str | int, ...]

_NUMBERS = (
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
)
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True)
class Source:
    """A YAML document: its data, and where each key stands.

    Attributes:
        name: the file's name, for messages.
        data: the document as plain data.
        lines: the line (from 1) of every key path.
        changed: the key paths that were set on the command line.
    """

    name: str
    data: Any
    lines: Mapping[Place, int] = field(repr=False)
    changed: frozenset[Place] = frozenset()

    def line(self, path: Place) -> int:
        """Return the line of the deepest part of the path that the document has."""
        layer_options = path[:1] == ("layers",) and len(path) > 2
        if layer_options and path[:3] not in self.lines:
            template = ("templates", self._template_of(path[1]), *path[2:])
            if template[:3] in self.lines:
                path = template
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def _template_of(self, layer: str | int) -> str:
        try:
            return str(self.data["layers"][layer]["template"])
        except (KeyError, TypeError, IndexError):
            return ""

    def error(self, message: str, path: Place) -> SpecError:
        """Return an error whose message starts with file, line and key."""
        where = ".".join(map(str, path))
        separator = ": " if where else ""
        place = f"{self.name}:{self.line(path)}"
        if any(path[: len(change)] == change for change in self.changed):
            place = "--set"
        return SpecError(f"{place} {where}{separator}{message}")

    @contextmanager
    def blame(self) -> Iterator[None]:
        """Add file and line to a SpecError that has only a key path."""
        try:
            yield
        except SpecError as error:
            if not error.path:
                raise
            raise self.error(error.message, error.path) from None


def read_source(file: Path | str) -> Source:
    """Read a YAML file.

    Raises:
        SpecError: the file cannot be read or is not plain YAML.
    """
    path = Path(file)
    text = read_text(path, LARGEST_FILE, SpecError, pipes=True)
    return parse_source(text.replace("\r\n", "\n"), path.name)


def parse_source(text: str, name: str = "<string>") -> Source:
    """Parse YAML text; `name` stands for the file. Raises SpecError as `read_source`."""
    if len(text) > LARGEST_FILE:
        raise SpecError(f"{name}: longer than {LARGEST_FILE} characters")
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        _stop_early(loader, name)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{name}:{line} not valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SpecError(f"{name}:{line} not valid YAML: {str(error).splitlines()[0]}") from None
    except (ValueError, OverflowError):  # PyYAML's chr() of an escape beyond Unicode
        line = loader.line + 1 if loader else 1
        raise SpecError(f"{name}:{line} not valid YAML: an escape of no character") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{name}:1 not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise SpecError(f"{name}: nested more than {DEEPEST} levels deep") from None
    if node is None:
        raise SpecError(f"{name}: empty; see `loopynet zoo` for examples")
    reader = _Reader(name)
    data = reader.read(node, ())
    return Source(name, data, reader.lines)


def _stop_early(loader: yaml.SafeLoader, name: str) -> None:
    """Let a loader stop when it has more nodes than a document can have: parsing is slow."""
    compose, count = loader.compose_node, 0

    def counted(*place: Any) -> yaml.Node | None:
        nonlocal count
        count += 1
        if count > MOST_NODES:
            raise SpecError(f"{name}:{loader.line + 1} more than {LARGEST_DOCUMENT} values")
        return compose(*place)

    loader.compose_node = counted  # type: ignore[method-assign, assignment]


class _Reader:
    """Turns a YAML node graph into plain data; counts nodes so that aliases cannot explode."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Place, int] = {}
        self.count = 0

    def read(self, node: yaml.Node, path: Place) -> Any:
        self.count += 1
        if self.count > LARGEST_DOCUMENT or len(path) > DEEPEST:
            raise self._error(node, f"more than {LARGEST_DOCUMENT} values or {DEEPEST} levels")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag == _untagged(node):
            if not encodes(node.value):
                raise self._error(node, "half a character (a surrogate); write the whole")
            return _scalar(node)
        raise self._error(node, f"the tag {node.tag[:60]} is not allowed; a spec is plain data")

    def _mapping(self, node: yaml.MappingNode, path: Place) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key must be a word")
            key = str(key_node.value)
            if not key.isprintable() or len(key) > 200:
                raise self._error(key_node, "a key must be a word")
            if key in data:
                raise self._error(key_node, f'the key "{key[:80]}" stands here twice; keep one')
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            data[key] = self.read(value_node, (*path, key))
        return data

    def _error(self, node: yaml.Node, message: str) -> SpecError:
        return SpecError(f"{self.name}:{node.start_mark.line + 1} {message}")


def _untagged(node: yaml.ScalarNode) -> str:
    """Return the tag that PyYAML gives a scalar for which the file writes none."""
    plain = node.style is None
    tag: str = _RESOLVER.resolve(  # type: ignore[no-untyped-call]
        yaml.ScalarNode, node.value, (plain, not plain)
    )
    return tag


_RESOLVER = yaml.resolver.Resolver()


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    return text if node.style is not None else plain_value(text)


def plain_value(text: str) -> str | int | float | bool | None:
    """Return what an unquoted YAML word stands for."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for pattern, convert in _NUMBERS:
        if pattern.fullmatch(text):
            return convert(text)
    return text

"""Where in a file something stands, and the refusal that names the place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from loopynet.errors import SpecError, did_you_mean


@dataclass(frozen=True)
class Place:
    """A place in the file that is read.

    Attributes:
        source: the file's name, as messages show it.
        line: the line, counted from 1.
        path: the keys that lead there, such as "layers.conv_1.pad"; empty at the top.
    """

    source: str
    line: int
    path: str = ""

    def at(self, key: str, line: int) -> Place:
        """Return the place of what stands under `key`, on `line`."""
        step = key if key.isprintable() and len(key) <= 60 else shown(key)
        return Place(self.source, line, f"{self.path}.{step}" if self.path else step)


def refuse(place: Place, message: str) -> NoReturn:
    """Raise the SpecError that says what is wrong at `place` and what to do.

    Raises:
        SpecError: always.
    """
    where = f"{place.path}: " if place.path else ""
    raise SpecError(f"{place.source}:{place.line} {where}{message}")


def shown(value: object) -> str:
    """Return `value` in quotes, shortened and escaped so that it stays on its line."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a dictionary"
    text = str(value)
    return json.dumps(text if len(text) <= 60 else text[:57] + "...")


def nearest(name: object, known: Iterable[str], otherwise: str = "") -> str:
    """Return ' Did you mean "x"?' for the nearest known name, or `otherwise` if none is near."""
    near = did_you_mean(name, [word for word in known if word.isprintable() and len(word) <= 60])
    return near or otherwise

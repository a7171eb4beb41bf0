"""Names that our spec accepts for the names of an old file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from loopynet.legacy.literal import Node
from loopynet.legacy.place import refuse, shown

_LONGEST = 64
_LONGEST_RUN_NAME = 100


def rename(
    names: Iterable[str], what: str, taken: set[str], notes: list[str], wish: Mapping[str, str]
) -> dict[str, str]:
    """Return old name -> new name, all new names valid, different and free.

    Args:
        names: the old names.
        what: what they name, for the notes ("layer").
        taken: names that must not be used; the new names are added.
        notes: a sentence is added for each name that changed.
        wish: new names for some of the old ones.
    """
    names = list(names)
    # Names that may stay are taken first, so that no renamed one drives them out.
    renamed = {name: name for name in names if name == _word(name) and name not in taken}
    taken.update(renamed)
    for name in names:
        if name not in renamed:
            word = _word(name)
            renamed[name] = wish.get(name) or (f"{word}_{what}" if word in taken else word)
            renamed[name] = free_name(renamed[name], taken)
            taken.add(renamed[name])
            notes.append(f"The {what} {shown(name)} was renamed to {renamed[name]}.")
    return {name: renamed[name] for name in names}


def free_name(word: str, taken: set[str]) -> str:
    """Return `word`, cut to the longest that is valid, with a number after it if it is taken."""
    candidate, number = word[:_LONGEST], 1
    while candidate in taken:
        number += 1
        candidate = f"{word[: _LONGEST - len(str(number)) - 1]}_{number}"
    return candidate


def run_name(node: Node | None, source: str, notes: list[str]) -> str | None:
    """Return the network's name: what the file says, else the file's own name, else None.

    Raises:
        SpecError: the file's name for the network is no text.
    """
    if node is None:
        stem = PurePath(source).stem
        if source.startswith("<") or not re.search("[A-Za-z0-9]", stem):
            return None
        name = _run_word(stem)
        notes.append(f"The file names no network; it is called {name} after the file.")
        return name
    if not isinstance(node.value, str) or not node.value:
        refuse(node.place, "no name; write a word in quotes")
    name = _run_word(node.value)
    if name != node.value:
        notes.append(f"The network {shown(node.value)} was renamed to {name}.")
    return name


def _run_word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9._-]", "-", text)[:_LONGEST_RUN_NAME].lstrip("._-")
    return word or "network"


def _word(name: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:_LONGEST]
    return word if re.match("[A-Za-z]", word) else f"layer{word}"[:_LONGEST]

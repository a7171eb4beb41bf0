"""The stacks of an old file: the one chain from the input on, and the loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loopynet.legacy.literal import Node, plain
from loopynet.legacy.place import Place, nearest, refuse, shown
from loopynet.legacy.sections import Sections, entries, refuse_unknown
from loopynet.legacy.vocabulary import MERGES

_KEYS = ("type", "structure", "composition_mode", "composition_node")


@dataclass(frozen=True)
class OldLoop:
    """A loop: the layers from its start to its end, and how it joins the last one's input."""

    name: str
    structure: tuple[str, ...]
    merge: str
    place: Place


@dataclass(frozen=True)
class Stacks:
    """The main structure, the input first, and the loops in the order of the file."""

    main: tuple[str, ...]
    loops: tuple[OldLoop, ...]
    place: Place


def read_stacks(sections: Sections, notes: list[str]) -> Stacks:
    """Return the stacks of a file.

    Raises:
        SpecError: a stack of another type, no or several main stacks, or a structure that is no
            chain from the input or no loop on it.
    """
    main: Stacks | None = None
    loops: list[tuple[str, Node]] = []
    for name, node in sections.stacks.items():
        stack = _stack(node, notes)
        kind = stack["type"].value if "type" in stack else None
        if kind == "main":
            if main is not None:
                refuse(node.place, "a second main stack; write one chain only")
            _refuse_repetition(stack.get("structure"))
            main = Stacks(_structure(stack, node, sections), (), node.place)
        elif kind == "loop":
            loops.append((name, node))
        else:
            given = "no type" if kind is None else f"the type {shown(kind)}"
            refuse(node.place, f'{given} cannot be represented; write "main" or "loop"')
    if main is None:
        place = sections.layers["input"].place if "input" in sections.layers else sections.place
        refuse(place, 'no main stack; write a stack with "type": "main"')
    _check_main(main)
    read = tuple(_loop(name, node, main, sections) for name, node in loops)
    _check_through(read, main)
    _note_shared_ends(read, notes)
    return Stacks(main.main, read, main.place)


def _stack(node: Node, notes: list[str]) -> dict[str, Node]:
    stack = dict(entries(node))
    if stack.pop("descriptor", None) is not None:
        notes.append(f"{node.place.path}.descriptor is a description only and was left out.")
    refuse_unknown(stack, _KEYS, "a stack has no such key")
    return stack


def _structure(stack: Mapping[str, Node], node: Node, sections: Sections) -> tuple[str, ...]:
    structure = stack.get("structure")
    if structure is None or not isinstance(structure.value, list):
        place = node.place if structure is None else structure.place
        refuse(place, 'no list of layers; write "structure": ["...", "..."]')
    return tuple(_layer_name(item, sections) for item in structure.value)


def _layer_name(node: Node, sections: Sections) -> str:
    if not isinstance(node.value, str) or node.value not in sections.layers:
        hint = nearest(node.value, sections.layers, " Write it under layers.")
        refuse(node.place, f"no layer {shown(node.value)}.{hint}")
    return node.value


def _refuse_repetition(structure: Node | None) -> None:
    seen: dict[str, int] = {}
    items = structure.value if structure is not None else []
    for item in items if isinstance(items, list) else []:
        name = str(plain(item))
        if name in seen:
            already = f"{shown(name)} stands on line {seen[name]} already"
            refuse(item.place, f"{already}, and a chain has each layer once; write a second layer")
        seen[name] = item.place.line


def _check_main(main: Stacks) -> None:
    if len(main.main) < 2:
        refuse(main.place, "a main stack needs the input and at least one layer; add layers")


def _loop(name: str, node: Node, main: Stacks, sections: Sections) -> OldLoop:
    stack = entries(node)
    structure = _structure(stack, node, sections)
    if len(structure) < 2:
        refuse(node.place, "a loop needs a start and an end; write two layers or more")
    first = main.main[0]
    for end in (structure[0], structure[-1]):
        if end not in main.main:
            refuse(node.place, f"{shown(end)} is not in the main stack; start and end a loop there")
        if end == first:
            refuse(node.place, f"{shown(end)} is the input; start and end a loop at other layers")
    if main.main.index(structure[0]) < main.main.index(structure[-1]):
        refuse(node.place, "runs forward; a loop ends at the layer it starts from or before it")
    return OldLoop(name, structure, _merge(stack, node), node.place)


def _merge(stack: Mapping[str, Node], node: Node) -> str:
    given = [
        stack[key]
        for key in ("composition_mode", "composition_node")
        if key in stack and stack[key].value is not None
    ]
    if not given:
        refuse(node.place, 'how it joins is missing; write "composition_mode": "sum" or "mul"')
    for merge in given:
        if not isinstance(merge.value, str) or merge.value not in MERGES:
            refuse(merge.place, 'this composition is unknown; write "sum" or "mul"')
    if given[0].value != given[-1].value:
        refuse(given[-1].place, "differs from composition_mode; keep one of the two")
    return MERGES[str(given[0].value)]


def _check_through(loops: tuple[OldLoop, ...], main: Stacks) -> None:
    seen: dict[str, str] = {}
    for loop in loops:
        for name in loop.structure[1:-1]:
            if name in main.main:
                refuse(loop.place, f"{shown(name)} is in the main stack; name a layer of its own")
            if name in seen:
                where = f"in the loop {shown(seen[name])} already"
                refuse(loop.place, f"{shown(name)} is {where}; write a second layer like it")
            seen[name] = loop.name


def _note_shared_ends(loops: tuple[OldLoop, ...], notes: list[str]) -> None:
    ends: dict[str, list[str]] = {}
    for loop in loops:
        ends.setdefault(loop.structure[-1], []).append(loop.name)
    for end, names in ends.items():
        if len(names) > 1:
            listed = ", ".join(map(shown, names))
            notes.append(
                f"The loops {listed} all end in {shown(end)}; the old library kept only one of "
                "them, here all are merged in this order."
            )

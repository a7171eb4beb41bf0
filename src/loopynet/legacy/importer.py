"""The import of an old network file: `import_legacy` names the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loopynet.errors import SpecError
from loopynet.legacy.document import build_document
from loopynet.legacy.literal import read_literal
from loopynet.legacy.names import run_name
from loopynet.legacy.place import refuse, shown
from loopynet.legacy.sections import OldLayer, Sections, read_layer, read_sections
from loopynet.legacy.stacks import Stacks, read_stacks

MAX_UNROLLS = 10_000


@dataclass(frozen=True)
class ImportedSpec:
    """What an old network file became.

    Attributes:
        spec: the document of our YAML format, as plain data in the order of reading.
        notes: a sentence for each thing that was renamed, left out or interpreted.
    """

    spec: dict[str, Any]
    notes: tuple[str, ...]


def import_legacy(text: str, source: str = "<string>", unrolls: int = 3) -> ImportedSpec:
    """Read a network file of the 2016 loopy-CNN library.

    Args:
        text: the file: one Python dictionary literal, with comments. Nothing in it is run.
        source: the file's name, for messages, and for the network's name if it has none.
        unrolls: how often to unroll, which the old files do not say; for networks with loops.

    Raises:
        SpecError: the text is no such file, or says something that our format cannot represent.
    """
    if isinstance(unrolls, bool) or not 1 <= unrolls <= MAX_UNROLLS:
        raise SpecError(f"unrolls: {shown(unrolls)} is out of range; write 1 to {MAX_UNROLLS}")
    notes: list[str] = []
    sections = read_sections(read_literal(text, source, notes), notes)
    stacks = read_stacks(sections, notes)
    layers = _used_layers(sections, stacks, notes)
    name = run_name(sections.name, source, notes)
    document = build_document(sections, stacks, layers, unrolls, notes)
    return ImportedSpec({"name": name, **document} if name else document, tuple(notes))


def _used_layers(sections: Sections, stacks: Stacks, notes: list[str]) -> dict[str, OldLayer]:
    """Return the layers of the stacks, in the order of the file."""
    in_loops = {name for loop in stacks.loops for name in loop.structure}
    used = {*stacks.main, *in_loops}
    layers = {
        name: read_layer(node, name, sections, notes)
        for name, node in sections.layers.items()
        if name in used
    }
    _check_input(layers, stacks)
    unused = [name for name in sections.layers if name not in used]
    named = {layer.template for layer in layers.values()}
    _note_left_out("layer", unused, "in no stack", notes)
    templates = [name for name in sections.templates if name not in named and name != "input"]
    _note_left_out("template", templates, "used by no layer", notes)
    return layers


def _check_input(layers: dict[str, OldLayer], stacks: Stacks) -> None:
    first = stacks.main[0]
    if layers[first].kind != "input":
        refuse(stacks.place, f'{shown(first)} is no input; start the main stack with "input"')
    for name, layer in layers.items():
        if layer.kind == "input" and name != first:
            refuse(layer.place, "an input that is not the first of the main stack; remove it")


def _note_left_out(what: str, names: list[str], why: str, notes: list[str]) -> None:
    listed = ", ".join(map(shown, names))
    if len(names) == 1:
        notes.append(f"The {what} {listed} is {why} and was left out.")
    elif names:
        notes.append(f"The {what}s {listed} are {why} and were left out.")

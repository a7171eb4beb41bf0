"""The new document, from the sections, stacks and layers of the old file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from loopynet.graph.wiring import RESERVED
from loopynet.legacy.layers import convert, input_shape
from loopynet.legacy.names import free_name, rename
from loopynet.legacy.place import shown
from loopynet.legacy.sections import OldLayer, Sections
from loopynet.legacy.stacks import Stacks
from loopynet.legacy.templates import Entry, Options, difference, shared_options

BATCH_NORM = {"type": "batch", "over_time": "per_step"}


def build_document(
    sections: Sections,
    stacks: Stacks,
    layers: dict[str, OldLayer],
    unrolls: int,
    notes: list[str],
) -> dict[str, Any]:
    """Return the document without its name; what was interpreted adds to `notes`."""
    first, last = stacks.main[0], stacks.main[-1]
    document: dict[str, Any] = {"input": {"shape": input_shape(layers[first])}}
    rest = {name: layer for name, layer in layers.items() if name != first}
    taken = set(RESERVED)  # layers and loops share their names
    names = rename(rest, "layer", taken, notes, {last: "logits"} if last == "output" else {})
    loop_names = rename([loop.name for loop in stacks.loops], "loop", taken, notes, {})
    entries = _entries(rest, sections, notes)
    probabilities = entries[last].options.get("activation") == "softmax"
    if sections.batch_norm:
        entries = {name: _with_norm(entry, name == last) for name, entry in entries.items()}
        notes.append(_NORM_NOTE)
    if probabilities:
        entries[last] = _logits(entries[last], shown(last), notes)
    document |= _layer_sections(entries, names)
    document["main"] = [names[name] for name in stacks.main[1:]]
    if stacks.loops:
        document["loops"] = _loops(stacks, names, loop_names)
        if probabilities:
            _keep_softmax(document, names[last], taken, notes)
    document["unroll"] = _unroll(stacks, unrolls, sections.framework, notes)
    if sections.batch_norm:
        document["norm"] = dict(BATCH_NORM)
    return document


_NORM_NOTE = (
    "run_params.use_batchnorm became norm; the old library gave the newest batch the weight 0.5 in "
    "its statistics and added 0.01 to the deviation, here the defaults of norm hold."
)


def _entries(layers: dict[str, OldLayer], sections: Sections, notes: list[str]) -> dict[str, Entry]:
    used = dict.fromkeys(layer.template for layer in layers.values() if layer.template is not None)
    templates = rename(used, "template", set(), notes, {})
    return {
        name: Entry(
            convert(layer, sections.framework),
            None if layer.template is None else templates[layer.template],
            layer.own,
            {"bias": True},
        )
        for name, layer in layers.items()
    }


def _with_norm(entry: Entry, is_last: bool) -> Entry:
    # The old library normalized convolutions only, and those wherever they stand; our norm takes
    # every layer with weights but the last.
    kind = entry.options["type"]
    if kind == "dense" and not is_last:
        return replace(entry, options={**entry.options, "norm": "none"})
    if kind == "conv2d" and is_last:
        return replace(entry, options={**entry.options, "norm": dict(BATCH_NORM)})
    return entry


def _logits(entry: Entry, name: str, notes: list[str]) -> Entry:
    notes.append(f"The softmax of {name} was left out: the last layer gives logits here.")
    options = {**entry.options, "activation": "linear"}
    return replace(
        entry,
        options=options,
        own=entry.own | {"activation"},
        silent={**entry.silent, "activation": "linear"},
    )


def _layer_sections(entries: dict[str, Entry], names: dict[str, str]) -> dict[str, Any]:
    used = dict.fromkeys(entry.template for entry in entries.values() if entry.template is not None)
    templates: dict[str, Options] = {
        template: shared_options([e for e in entries.values() if e.template == template])
        for template in used
    }
    layers = {
        names[name]: difference(entry, templates.get(entry.template or "", {}))
        for name, entry in entries.items()
    }
    return {"templates": templates, "layers": layers} if templates else {"layers": layers}


def _loops(stacks: Stacks, names: dict[str, str], loop_names: dict[str, str]) -> dict[str, Any]:
    loops: dict[str, Any] = {}
    for loop in stacks.loops:
        start, *through, end = (names[name] for name in loop.structure)
        between = {"through": through} if through else {}
        loops[loop_names[loop.name]] = {"from": start, "to": end, **between, "merge": loop.merge}
    return loops


def _keep_softmax(document: dict[str, Any], last: str, taken: set[str], notes: list[str]) -> None:
    """Give each loop from the last layer, which lost its softmax, a layer that applies it."""
    for name, loop in document["loops"].items():
        if loop["from"] == last:
            softmax = free_name("softmax", taken)
            taken.add(softmax)
            document["layers"][softmax] = {"type": "identity", "activation": "softmax"}
            through = [softmax, *loop.get("through", [])]
            ends = {"from": last, "to": loop["to"], "through": through}
            document["loops"][name] = {**ends, "merge": loop["merge"]}
            notes.append(f"The loop {name} passes the new layer {softmax}, to send what it sent.")


def _unroll(stacks: Stacks, unrolls: int, framework: str, notes: list[str]) -> Options:
    if not stacks.loops:
        return {"steps": 1}
    if framework == "keras":
        notes.append(
            "The old library's Keras code gave each unroll weights of its own; here they are tied."
        )
    notes.append(f"The file does not say how often to unroll; unroll.steps is {unrolls}.")
    return {"steps": unrolls, "tied": True, "schedule": "sequential"}

"""Hypothesis strategies: random documents that describe valid networks.

A document is what a YAML file holds, with nothing filled in. Small on purpose: images of at most
6x6 pixels, few channels, at most four unrolls, or eight where signals are long on their way.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from loopynet import NetworkSpec, build_graph
from loopynet.spec.read import parse_spec
from reference.random_layers import (
    ACTIVATIONS,
    FITS,
    MERGES,
    WEIGHTED,
    Document,
    layers,
    norms,
    valid,
)
from reference.random_unrolls import delay_forward, unroll_one_by_one


def _main_stack(draw: st.DrawFn, document: Document) -> None:
    """Append two to five layers, and one that gives logits."""
    stack, main = document["layers"], document["main"]
    for i in range(1, draw(st.sampled_from((4, 5, 3, 2))) + 1):
        stack[f"l{i}"] = draw(layers())
        main.append(f"l{i}")
        ends = {**stack, "end": {"type": "dense", "units": 2}}
        if not valid({**document, "layers": ends, "main": [*main, "end"]}):
            stack[f"l{i}"] = {"type": "identity", "activation": draw(st.sampled_from(ACTIVATIONS))}
    if draw(st.integers(0, 3)) == 0:
        stack["last"] = {"type": "global_pool"}
        if valid({**document, "main": [*main, "last"]}):
            main.append("last")
            return
    stack["last"] = {"type": "dense", "units": 3}
    main.append("last")


def _edge(draw: st.DrawFn, document: Document, kind: str, name: str) -> None:
    """Add a loop or skip that is valid, if need be by a learned projection."""
    main = document["main"]
    places = ["input", *main] if kind == "skips" else main
    first = draw(st.integers(0, len(places) - (2 if kind == "skips" else 1)))
    second = draw(st.integers(first + (kind == "skips"), len(places) - 1))
    ends = (places[first], places[second]) if kind == "skips" else (places[second], places[first])
    edge: Document = {"from": ends[0], "to": ends[1], "merge": draw(st.sampled_from(MERGES))}
    edge["fit"] = draw(st.sampled_from(FITS))
    if kind == "loops":
        edge["delay"] = draw(st.integers(1, max(1, min(3, document["unroll"]["steps"] - 1))))
        edge["initial"] = draw(st.sampled_from(("absent", "zero", "one", None)))
        if edge["merge"] == "concat" and edge["initial"] == "absent":
            edge["initial"] = "one"
        if draw(st.integers(0, 3)) == 0:
            edge["damping"] = draw(st.sampled_from((0.4, 0.75, 1)))
    through = {f"{name}_{i}": draw(layers()) for i in range(draw(st.sampled_from((0, 0, 1, 2))))}
    edge["through"] = list(through)
    own = {"merge": edge["merge"], "fit": edge["fit"]}
    plain = {layer: {"type": "identity"} for layer in through}
    for change, on_way in (
        (own, through),
        ({**own, "fit": "project"}, through),
        ({**own, "fit": "project"}, plain),
        ({"merge": "sum", "fit": "project"}, plain),
    ):
        added = {
            "layers": {**document["layers"], **on_way},
            kind: {**document.get(kind, {}), name: {**edge, **change}},
        }
        if valid({**document, **added}):
            document.update(added)
            return
    raise AssertionError(f"no valid edge {edge} in {document}")


@st.composite
def documents(draw: st.DrawFn, *, least_loops: int = 0, least_steps: int = 1) -> Document:
    """A random valid document."""
    image = draw(st.integers(0, 5)) > 0
    channels = draw(st.integers(1, 3))
    shape = [channels, draw(st.integers(3, 6)), draw(st.integers(3, 6))] if image else [4]
    document: Document = {
        "input": {"shape": shape},
        "layers": {},
        "main": [],
        "unroll": {"steps": draw(st.integers(least_steps, 4))},
    }
    if draw(st.booleans()):
        document["norm"] = draw(norms())
    _main_stack(draw, document)
    for i in range(draw(st.sampled_from((0, 1, 2)))):
        _edge(draw, document, "skips", f"skip_{i}")
    for i in range(max(least_loops, draw(st.sampled_from((3, 2, 1, 2, 3, 0))))):
        _edge(draw, document, "loops", f"loop_{i}")
    if draw(st.booleans()):
        document["readout"] = "each"
    if document["unroll"]["steps"] > 1 and document.get("loops"):
        ways = (delay_forward, unroll_one_by_one, unroll_one_by_one, None)
        more = draw(st.sampled_from(ways))
        if more is not None:
            more(draw, document)
    if draw(st.booleans()):
        _share(draw, document)
    return document


def _share(draw: st.DrawFn, document: Document) -> None:
    """Let a layer use the weights of another one: of one there is, or of one put before all."""
    layers = document["layers"]
    weighted = [name for name, layer in layers.items() if layer["type"] in WEIGHTED]
    pairs = [(a, b) for a in weighted for b in weighted if a != b]
    for name, owner in draw(st.permutations(pairs))[:12]:
        same = {**layers[owner], "activation": layers[name].get("activation", "tanh")}
        if _use_weights(document, name, owner, layers[name] if draw(st.booleans()) else same):
            return
    kind = "conv2d" if len(document["input"]["shape"]) == 3 else "dense"
    width = "filters" if kind == "conv2d" else "units"
    graph = build_graph(NetworkSpec.model_validate(document))
    for name in draw(st.permutations([n for n in weighted if layers[n]["type"] == kind])):
        first = {**layers[name], **({"stride": 1, "padding": "same"} if kind == "conv2d" else {})}
        ends = graph.layers[name].input_shape[0], document["input"]["shape"][0]
        added = {
            "first_0": {"type": kind, width: ends[0]},
            "first_1": {**first, "activation": draw(st.sampled_from(ACTIVATIONS))},
            "first_2": {"type": kind, width: ends[1]},
        }
        document["layers"] = {**layers, **added}
        document["main"] = [*added, *document["main"]]
        ways = draw(st.permutations([(name, "first_1"), ("first_1", name)]))
        assert any(_use_weights(document, *way, document["layers"][way[0]]) for way in ways)
        return


def _use_weights(document: Document, name: str, owner: str, layer: Document) -> bool:
    """Let a layer be this one with the weights of another one, if that is valid."""
    found = {**document["layers"], name: {**layer, "weights_of": owner}}
    if not valid({**document, "layers": found}):
        return False
    document["layers"] = found
    return True


def specs(**limits: int) -> st.SearchStrategy[NetworkSpec]:
    """A random valid NetworkSpec."""
    return documents(**limits).map(NetworkSpec.model_validate)


def tiny(text: str, **changes: Any) -> NetworkSpec:
    """Return the spec of YAML text with top-level keys replaced."""
    spec = parse_spec(text)
    document = spec.model_dump(by_alias=True, exclude_unset=True)
    return NetworkSpec.model_validate({**document, **changes}) if changes else spec

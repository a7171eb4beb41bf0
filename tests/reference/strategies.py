"""Hypothesis strategies: random documents that describe valid networks.

A document is what a YAML file holds, with nothing filled in. Small on purpose: images of at most
6x6 pixels, few channels, at most four unrolls, or eight where signals are long on their way.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from loopynet import NetworkSpec, SpecError, build_graph
from loopynet.spec.read import parse_spec

Document = dict[str, Any]

MERGES = ("sum", "mul", "mean", "max", "concat", "modulate", "gain", "gate")
"""All but replace, under which layers may get no gradient."""
FITS = ("error", "resize", "project", "pad")
ACTIVATIONS = (
    "linear",
    "relu",
    "tanh",
    "sigmoid",
    {"type": "leaky_relu", "negative_slope": 0.2},
    {"type": "elu", "alpha": 0.7},
    {"type": "prelu", "init": 0.3},
    "softplus",
)
_WEIGHTED = {"conv2d", "conv_transpose2d", "dense"}


@st.composite
def norms(draw: st.DrawFn) -> Document:
    """A norm with all that it does over time; eps is large, so that nothing is amplified."""
    kind = draw(st.sampled_from(("batch", "group", "layer", "none")))
    norm: Document = {"type": kind, "eps": draw(st.sampled_from((1e-2, 0.1)))}
    norm["over_time"] = draw(st.sampled_from(("shared", "per_step", "per_step_statistics")))
    if kind == "batch" and draw(st.booleans()):
        norm["momentum"] = draw(st.sampled_from((0.25, 1.0)))
    return norm


def _conv(draw: st.DrawFn) -> Document:
    return {
        "filters": draw(st.sampled_from((1, 2, 4))),
        "size": draw(st.sampled_from((1, 2, 3, [1, 3]))),
        "stride": draw(st.sampled_from((1, 1, 2))),
        "padding": draw(st.sampled_from(("same", "same", "valid", 1))),
        "bias": draw(st.booleans()),
    }


def _pool(draw: st.DrawFn) -> Document:
    options: Document = {"mode": draw(st.sampled_from(("max", "mean")))}
    if draw(st.booleans()):
        options |= {"size": 3, "stride": draw(st.sampled_from((1, 2))), "padding": "same"}
    return options


OPTIONS = {
    "conv2d": _conv,
    "conv_transpose2d": _conv,
    "dense": lambda draw: {"units": draw(st.integers(2, 5)), "bias": draw(st.booleans())},
    "maxout": lambda draw: {"pieces": draw(st.sampled_from((1, 2)))},
    # A random mask differs between two networks whatever else is equal: the rate must be 0.
    "dropout": lambda draw: {"rate": 0, "spatial": draw(st.booleans())},
    "norm": lambda draw: {
        "kind": draw(st.sampled_from(("batch", "group", "layer"))),
        "over_time": draw(st.sampled_from(("shared", "per_step", "per_step_statistics"))),
        "eps": 0.1,
    },
    "identity": lambda draw: {},
    "local_response_norm": lambda draw: {
        "size": draw(st.sampled_from((1, 2, 3))),
        "alpha": draw(st.sampled_from((0.1, 1.0))),
        "k": draw(st.sampled_from((1.0, 2.0))),
    },
    "flatten": lambda draw: {},
    "pool2d": _pool,
    "global_pool": lambda draw: {"mode": draw(st.sampled_from(("max", "mean")))},
    "upsample": lambda draw: {"mode": draw(st.sampled_from(("nearest", "bilinear", "bicubic")))},
}
"""Every layer type and how its options are drawn."""


@st.composite
def layers(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(OPTIONS)) -> Document:
    """One layer's options."""
    kind = draw(st.sampled_from(kinds))
    layer = {"type": kind, **OPTIONS[kind](draw)}
    if draw(st.booleans()):
        layer["activation"] = draw(st.sampled_from(ACTIVATIONS))
    if kind in _WEIGHTED and draw(st.integers(0, 4)) == 0:
        layer["norm"] = draw(norms())
    return layer


def valid(document: Document) -> bool:
    """Say whether the document describes a network."""
    try:
        build_graph(NetworkSpec.model_validate(document))
    except SpecError:
        return False
    return True


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
        more = draw(st.sampled_from((_delay, _unroll_one_by_one, _unroll_one_by_one, None)))
        if more is not None:
            more(draw, document)
    if draw(st.booleans()):
        _share(draw, document)
    return document


def _share(draw: st.DrawFn, document: Document) -> None:
    """Let a layer use the weights of another one: of one there is, or of one put before all."""
    layers = document["layers"]
    weighted = [name for name, layer in layers.items() if layer["type"] in _WEIGHTED]
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


def body_of(document: Document) -> list[str]:
    """Return the layers from the first to the last that a loop touches."""
    main, loops = document["main"], document["loops"].values()
    first = min(main.index(loop["to"]) for loop in loops)
    return main[first : max(main.index(loop["from"]) for loop in loops) + 1]


def sections_of(document: Document) -> list[tuple[int, int]]:
    """Return the spans in main of loops with a common layer, as first and last place."""
    main = document["main"]
    spans = [(main.index(e["to"]), main.index(e["from"])) for e in document["loops"].values()]
    while True:
        pairs = [(a, b) for a in spans for b in spans if a != b and a[0] <= b[0] <= a[1]]
        if not pairs:
            return sorted(set(spans))
        a, b = pairs[0]
        spans = [s for s in spans if s not in (a, b)] + [(a[0], max(a[1], b[1]))]


def _loop_apart(draw: st.DrawFn, document: Document) -> None:
    """Add a loop of a layer that no other loop spans, if there is one: a section of its own."""
    main = document["main"]
    spanned = {name for a, b in sections_of(document) for name in main[a : b + 1]}
    for name in draw(st.permutations([name for name in main[:-1] if name not in spanned])):
        ends = {"from": name, "to": name, "through": []}
        loop = {**ends, "merge": "sum", "fit": "project", "delay": 1, "initial": "absent"}
        loops = {**document["loops"], "apart": loop}
        if valid({**document, "loops": loops}):
            document["loops"] = loops
            return


def _unroll_one_by_one(draw: st.DrawFn, document: Document) -> None:
    """Unroll each section to its end before the next one; a skip may lead from any to any."""
    main, passes = document["main"], []
    if draw(st.integers(0, 2)) > 0:
        _loop_apart(draw, document)
    for first, last in sections_of(document):
        inside = [e for e in document["loops"].values() if first <= main.index(e["to"]) <= last]
        least = 1 + max(loop["delay"] for loop in inside)
        passes.append(draw(st.integers(least, max(3, least))))
    unroll = {"steps": sum(passes), "sections": passes}
    body = body_of(document)
    skips = dict(document.get("skips", {}))
    if len(main) > 1 and body != main[-1:] and draw(st.booleans()):
        start = draw(st.sampled_from(body if body[-1] != main[-1] else body[:-1]))
        target = draw(st.sampled_from(main[main.index(start) + 1 :]))
        if len(passes) > 1 and body[-1] != main[-1] and draw(st.integers(0, 2)):
            start, target = body[0], main[-1]  # out of a section that has ended
        skip = {"from": start, "to": target}
        skip |= {"merge": draw(st.sampled_from(MERGES)), "fit": "project", "through": []}
        skip["delay"] = draw(st.sampled_from((None, 0, 1)))
        plain = {"merge": "sum", "delay": None}
        for change in ({}, {"delay": None}, plain):  # only some can have a delay
            across = {**skip, **change}
            changes = {"skips": {**skips, "across": across}, "unroll": unroll}
            if valid({**document, **changes}):
                document.update(changes)
                return
    document["unroll"] = unroll


def _delay(draw: st.DrawFn, document: Document) -> None:
    """Delay forward edges, with as many unrolls as they then need at least if those are few."""
    body = body_of(document)
    unroll = {**document["unroll"], "schedule": draw(st.sampled_from(("parallel", "sequential")))}
    unroll["initial"] = draw(st.sampled_from(("absent", "zero")))
    delayed = [name for name in body[1:] if draw(st.integers(0, 2)) == 0]
    unroll["delays"] = {name: draw(st.sampled_from((0, 1, 2))) for name in delayed}
    skips = dict(document.get("skips", {}))
    if len(body) > 1 and draw(st.booleans()):
        i = draw(st.integers(0, len(body) - 2))
        ends = {"from": body[i], "to": body[draw(st.integers(i + 1, len(body) - 1))]}
        skip = {**ends, "merge": draw(st.sampled_from(MERGES)), "fit": "project", "through": []}
        if valid({**document, "skips": {**skips, "inner": skip}}):
            skips["inner"] = skip
    for name, skip in skips.items():
        if {skip["from"], skip["to"]} <= set(body):
            skips[name] = {**skip, "delay": draw(st.sampled_from((2, None, 0, 1)))}
    changes = {"skips": skips} if skips else {}
    for more in (0, 1, 2, 4):
        found = {**document, **changes, "unroll": {**unroll, "steps": unroll["steps"] + more}}
        if valid(found):
            document.update(found)
            return


def specs(**limits: int) -> st.SearchStrategy[NetworkSpec]:
    """A random valid NetworkSpec."""
    return documents(**limits).map(NetworkSpec.model_validate)


def tiny(text: str, **changes: Any) -> NetworkSpec:
    """Return the spec of YAML text with top-level keys replaced."""
    spec = parse_spec(text)
    document = spec.model_dump(by_alias=True, exclude_unset=True)
    return NetworkSpec.model_validate({**document, **changes}) if changes else spec

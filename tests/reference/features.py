"""The features that random documents have, to check that every one is met."""

from __future__ import annotations

from loopynet import NetworkSpec, build_graph
from reference.random_layers import FITS, MERGES, OPTIONS, Document


def features(document: Document) -> set[str]:
    """Return what a document has, to check that the random ones have everything."""
    main, unroll = document["main"], document["unroll"]
    steps = unroll["steps"]
    loops, skips = document.get("loops", {}), document.get("skips", {})
    found = {f"layer {layer['type']}" for layer in document["layers"].values()}
    found |= {f"steps {steps}", f"readout {document.get('readout', 'last')}"}
    found |= {f"loops {len(loops)}", f"skips {len(skips)}"}
    found.add("image" if len(document["input"]["shape"]) == 3 else "vector")
    norm = document.get("norm")
    found.add(f"norm {norm['type']} {norm['over_time']}" if norm else "norm absent")
    for kind, edges in (("loop", loops), ("skip", skips)):
        for edge in edges.values():
            found |= {f"{kind} merge {edge['merge']}", f"{kind} fit {edge['fit']}"}
            found.add(f"{kind} through {len(edge['through'])}")
    if steps > 1:
        found |= {f"delay {e['delay']}" for e in loops.values()}
        found |= {f"initial {e['initial']}" for e in loops.values()}
        spans = [(main.index(e["to"]), main.index(e["from"])) for e in loops.values()]
        found |= {"self loop" for to, source in spans if to == source}
        pairs = [(a, b) for i, a in enumerate(spans) for b in spans[:i]]
        found |= {"same target" for a, b in pairs if a[0] == b[0]}
        for a, b in (*pairs, *((b, a) for a, b in pairs)):
            if a[0] < b[0] <= b[1] < a[1]:
                found.add("nested")
            if a[0] < b[0] <= a[1] < b[1]:
                found.add("crossing")
    if "schedule" in unroll:
        found |= {unroll["schedule"], f"forward initial {unroll['initial']}"}
        found |= {f"forward delay {n}" for n in unroll["delays"].values()}
        found |= {f"skip delay {skip['delay']}" for skip in skips.values() if "delay" in skip}
    found |= section_features(document)
    if any(edge["from"] == "input" for edge in skips.values()):
        found.add("skip from input")
    found |= {f"shared {section}" for section in shared_sections(document)}
    return found


def section_features(document: Document) -> set[str]:
    """Return what there is of sections that are unrolled one after another."""
    graph = build_graph(NetworkSpec.model_validate(document))
    table, body = graph.timetable, set(graph.body)
    found = {f"sections {len(graph.sections)}"} if graph.sections else set()
    found |= {"between sections" for start, end in graph.windows.values() if start == end}
    found |= {"out of an ended section" for _ in graph.ended}
    inner = [skip for skip in graph.skips if {skip.source, skip.target} <= body]
    crossing = [skip for skip in inner if table.last(skip.source) < table.first[skip.target]]
    return found | {"across sections" for _ in crossing}


def shared_sections(document: Document) -> set[str]:
    """Return, for each layer that uses weights of another, in which sections both are."""
    graph = build_graph(NetworkSpec.model_validate(document))
    return {
        f"{graph.layers[name].section} {graph.layers[owner].section}"
        for name, owner in graph.shared.items()
    }


EVERY_FEATURE = (
    {f"layer {kind}" for kind in OPTIONS}
    | {f"{kind} merge {merge}" for kind in ("loop", "skip") for merge in MERGES}
    | {f"{kind} fit {fit}" for kind in ("loop", "skip") for fit in FITS}
    | {f"{kind} through {n}" for kind in ("loop", "skip") for n in range(3)}
    | {f"steps {n}" for n in range(1, 5)}
    | {f"loops {n}" for n in range(4)}
    | {f"skips {n}" for n in range(3)}
    | {f"delay {n}" for n in range(1, 4)}
    | {f"initial {start}" for start in ("absent", "zero", "one", None)}
    | {
        f"norm {kind} {over_time}"
        for kind in ("none", "batch", "group", "layer")
        for over_time in ("shared", "per_step", "per_step_statistics")
    }
    | {"norm absent", "image", "vector", "readout last", "readout each"}
    | {"sequential", "parallel", "forward initial absent", "forward initial zero"}
    | {f"forward delay {n}" for n in (0, 1, 2)}
    | {f"skip delay {n}" for n in (None, 0, 1, 2)}
    | {f"shared {a} {b}" for a in ("trunk", "body") for b in ("trunk", "body")}
    | {"sections 1", "sections 2", "between sections", "across sections", "out of an ended section"}
    | {"self loop", "same target", "nested", "crossing", "skip from input"}
)
"""What the random documents must have among them."""

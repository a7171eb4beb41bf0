"""How random documents with loops are unrolled: with delays, or one section after another."""

from __future__ import annotations

from hypothesis import strategies as st

from reference.random_layers import MERGES, Document, valid


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


def unroll_one_by_one(draw: st.DrawFn, document: Document) -> None:
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


def delay_forward(draw: st.DrawFn, document: Document) -> None:
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

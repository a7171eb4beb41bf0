"""Checks of names and directions: what a main stack, a loop and a skip may connect."""

from __future__ import annotations

from loopynet.errors import SpecError, did_you_mean
from loopynet.graph.nodes import INPUT, Graph
from loopynet.graph.timetable import NEVER
from loopynet.spec.network import NetworkSpec
from loopynet.spec.schedule import full_depth, joined_loops, loopy_section, section_windows
from loopynet.spec.wiring import Loop, Skip


def check_wiring(spec: NetworkSpec) -> None:
    """Raise SpecError, with the key's path, for anything that is connected wrongly."""
    _check_names(spec)
    _check_main(spec)
    on_edges: dict[str, str] = {}
    for kind, edges in (("loops", spec.loops), ("skips", spec.skips)):
        for name, edge in edges.items():
            _check_ends(spec, kind, name, edge)
            _check_through(spec, kind, name, edge, on_edges)
    _check_sections(spec)
    _check_delays(spec)
    for name in spec.layers:
        if name not in spec.main and name not in on_edges:
            raise SpecError(
                "no signal reaches this layer; name it in main or in a loop's through, or remove "
                "it",
                ("layers", name),
            )


def _check_names(spec: NetworkSpec) -> None:
    seen: dict[str, str] = {}
    for kind, names in (("layers", spec.layers), ("loops", spec.loops), ("skips", spec.skips)):
        for name in names:
            if name in RESERVED:
                raise SpecError(f'the name "{name}" is reserved; choose another', (kind, name))
            if name in seen:
                raise SpecError(
                    f"the name is taken in {seen[name]}; layers, loops and skips share their names",
                    (kind, name),
                )
            seen[name] = kind


def _check_main(spec: NetworkSpec) -> None:
    if not spec.main:
        raise SpecError("is empty; name at least one layer", ("main",))
    for i, name in enumerate(spec.main):
        if name not in spec.layers:
            hint = "the input is implied; leave it out" if name == INPUT else ""
            raise _unknown(spec, name, ("main", i), hint)
        if name in spec.main[:i]:
            raise SpecError(
                f'"{name}" stands here a second time, which makes a cycle; the main stack is a '
                "chain, write the way back as a loop",
                ("main", i),
            )


def _check_ends(spec: NetworkSpec, kind: str, name: str, edge: Skip) -> None:
    for key, layer in (("from", edge.from_), ("to", edge.to)):
        if layer not in spec.main and not (kind == "skips" and key == "from" and layer == INPUT):
            hint = "" if layer not in spec.layers else "it must be a layer of main"
            if layer == INPUT:
                hint = "only a skip can start at the input, and nothing ends there"
            raise _unknown(spec, layer, (kind, name, key), hint)
    start = -1 if edge.from_ == INPUT else spec.main.index(edge.from_)
    end = spec.main.index(edge.to)
    if kind == "loops" and end > start:
        raise SpecError(
            f'goes forward from "{edge.from_}" to "{edge.to}"; a loop goes back: write it under '
            "skips, or exchange from and to",
            (kind, name),
        )
    if kind == "skips" and end <= start:
        raise SpecError(
            f'goes back from "{edge.from_}" to "{edge.to}"; write it under loops', (kind, name)
        )
    if isinstance(edge, Loop) and 1 < spec.unroll.steps <= edge.delay:
        raise SpecError(
            f"is {edge.delay}, so that with unroll.steps {spec.unroll.steps} no signal ever "
            f"arrives; write a smaller delay or more steps",
            (kind, name, "delay"),
        )


def _check_through(
    spec: NetworkSpec, kind: str, name: str, edge: Skip, on_edges: dict[str, str]
) -> None:
    for i, layer in enumerate(edge.through):
        path = (kind, name, "through", i)
        if layer not in spec.layers:
            raise _unknown(spec, layer, path, "")
        if layer in spec.main:
            raise SpecError(f'"{layer}" is a layer of main; give the edge one of its own', path)
        if layer in on_edges:
            raise SpecError(f'"{layer}" is used in "{on_edges[layer]}" already', path)
        on_edges[layer] = name


def _check_sections(spec: NetworkSpec) -> None:
    """Raise SpecError if `unroll.sections` are not those of the loops."""
    passes = spec.unroll.sections
    if not passes or spec.unroll.steps == 1:
        return
    groups = joined_loops(spec)
    if len(passes) != len(groups):
        spans = ", ".join(f"{g[0]} to {g[-1]}" if len(g) > 1 else g[0] for g in groups)
        raise SpecError(
            f"has {len(passes)} numbers, and the loops are of {len(groups)} sections that share no "
            f"layer ({spans or 'there are none'}); write one number for each",
            ("unroll", "sections"),
        )
    for name, loop in spec.loops.items():
        count = next(n for group, n in zip(groups, passes, strict=True) if loop.to in group)
        if loop.delay >= count:
            smaller = "a smaller delay, or " if loop.delay > 1 else ""
            raise SpecError(
                f"is {loop.delay}, so that with {count} in unroll.sections no signal ever arrives; "
                f"write {smaller}more passes there",
                ("loops", name, "delay"),
            )
    windows = section_windows(spec)
    for name, skip in spec.skips.items():
        if skip.delay is None or not {skip.from_, skip.to} <= set(windows):
            continue
        if windows[skip.from_][1] < windows[skip.to][0]:
            raise SpecError(
                "goes from one section to another, which reads what the first one ended with at "
                "every unroll; leave the delay out",
                ("skips", name, "delay"),
            )


def _check_delays(spec: NetworkSpec) -> None:
    """Raise SpecError for a delay of a main-stack edge or skip outside the loopy section."""
    section = loopy_section(spec)
    for name in spec.unroll.delays:
        path = ("unroll", "delays", name)
        if name not in spec.layers:
            raise _unknown(spec, name, path, "")
        if name not in section[1:]:
            raise SpecError(_undelayed(name, section), path)
    for name, skip in spec.skips.items():
        outside = next((n for n in (skip.from_, skip.to) if n not in section), None)
        if skip.delay is not None and outside is not None:
            raise SpecError(
                f'"{outside}" is not in the loopy section{_span(section)}, and only a skip inside '
                "it can have a delay; leave the delay out",
                ("skips", name, "delay"),
            )


def _undelayed(name: str, section: tuple[str, ...]) -> str:
    """Return why the main-stack edge into a layer can have no delay."""
    if section and name == section[0]:
        return (
            "is the first layer of the loopy section, and the trunk's output is there at every "
            "unroll; leave its delay out"
        )
    return f"is not in the loopy section{_span(section)}, outside of which nothing is delayed"


def _span(section: tuple[str, ...]) -> str:
    return f' ("{section[0]}" to "{section[-1]}")' if section else ", for there are no loops"


def check_depth(spec: NetworkSpec) -> None:
    """Raise SpecError if the input does not reach the top of the loopy section in all steps."""
    if spec.unroll.sections:
        return
    least, steps = full_depth(spec), spec.unroll.steps
    if least > steps:
        raise SpecError(
            f"is {steps}, and with the delays on its way the input has passed all of the loopy "
            f"section at unroll {least}; write {least} or more, or smaller delays",
            ("unroll", "steps"),
        )


def check_arrivals(graph: Graph) -> None:
    """Raise SpecError for a loop or skip whose signals no logits depend on."""
    for edge in graph.timetable.edges:
        least = graph.timetable.first_effect(edge)
        if least >= NEVER:
            raise SpecError(
                "no logits depend on it: no signal arrives before its section ends; write a "
                "smaller delay, or more passes in unroll.sections",
                (f"{edge.kind}s", edge.name),
            )
        if least > graph.steps:
            raise SpecError(
                f"no logits depend on it: its first signal reaches them at unroll {least}, and "
                f"unroll.steps is {graph.steps}; write {least} or more, or smaller delays",
                (f"{edge.kind}s", edge.name),
            )


def _unknown(spec: NetworkSpec, name: str, path: tuple[str | int, ...], hint: str) -> SpecError:
    said = f"; {hint}" if hint else f".{did_you_mean(name, spec.layers)}"
    return SpecError(f'no layer "{name}" here{said}' if hint else f'no layer "{name}"{said}', path)


RESERVED = frozenset({
    "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children",
    "clear", "compile",
    "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward",
    "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "input", "ipu",
    "items", "keys", "load_state_dict", "modules", "mtia", "named_buffers", "named_children",
    "named_modules", "named_parameters", "output", "parameters", "pop", "register_backward_hook",
    "register_buffer", "register_forward_hook", "register_forward_pre_hook",
    "register_full_backward_hook", "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook", "register_module",
    "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "smart_apply",
    "state_dict", "to", "to_empty", "train", "training", "type", "update", "values", "xpu",
    "zero_grad",
})  # fmt: skip
"""Names that PyTorch's modules use for themselves, and `input` and `output`.

Once transformers is imported, `smart_apply` is one of them.
"""

"""Layers, merges and edges in a few words, for drawings and tables."""

from __future__ import annotations

from enum import IntEnum

from loopynet.graph.nodes import Edge, Graph, LayerNode, Section
from loopynet.parts.choice import Choice
from loopynet.parts.layers import LayerSpec, Norm


class Detail(IntEnum):
    """How much is said of a layer; each level says all of the one before."""

    TYPE = 0
    SIZE = 1
    OPTIONS = 2
    ALL = 3


_SIZES = {"mode": "{}", "scale": "x{}", "size": "{}"}
"""Options that follow the type without a comma: conv2d 3x3, pool2d max 2x2."""

_COUNTS = {"filters": "{} filters", "units": "{} units", "pieces": "{} pieces", "rate": "{}"}
"""Options that are always said."""

_UNSAID = frozenset({
    "type", "template", "activation", "norm", "init", "bias_init", "weights_of"
})  # fmt: skip
"""Options that are said elsewhere, or change nothing that a reader of a drawing looks for."""

_MARKS = {"sum": "(+)", "mul": "(×)"}


def layer_words(node: LayerNode, detail: Detail = Detail.ALL) -> str:
    """Return a layer in a few words: conv2d 3x3, 64 filters, relu, batch norm per step."""
    spec, norm = node.spec, norm_words(node, " norm")
    words = _type_and_size(spec) if detail >= Detail.SIZE else [spec.type]
    if detail >= Detail.OPTIONS:
        words += _unusual(spec) + _activation(spec)
    if detail >= Detail.ALL and norm:
        words = [norm, *words[1:]] if isinstance(spec, Norm) else [*words, norm]
    if detail >= Detail.OPTIONS and node.after:
        words.append(f"after section {node.after}")
    elif detail >= Detail.OPTIONS and node.delay:
        words.append(f"delay {node.delay}")
    if detail >= Detail.OPTIONS and node.weights_of:
        words.append(f"weights of {node.weights_of}")
    return ", ".join(words)


def norm_words(node: LayerNode, noun: str = "") -> str:
    """Return what normalizes a layer, such as batch per step; nothing if nothing does.

    Args:
        node: the layer.
        noun: follows the kind: " norm" makes it batch norm per step.
    """
    norm = node.norm
    if norm.type == "none":
        return ""
    groups = f" ({norm.groups} groups)" if norm.type == "group" and norm.groups else ""
    over_time = "" if norm.over_time == "shared" or node.runs == 1 else f" {norm.over_time}"
    return f"{norm.type}{noun}{groups}{over_time.replace('_', ' ')}"


def merge_mark(merge: str) -> str:
    """Return a merge as the drawing shows it: (+), (×) or its name."""
    return _MARKS.get(merge, f"({merge})")


def edge_words(edge: Edge) -> str:
    """Return an edge's name with what its merge's mark does not show: feedback via up, delay 2."""
    words = edge.name
    if edge.through:
        words += f" via {', '.join(edge.through)}"
    return ", ".join(filter(None, (words, delay_words(edge), damping_words(edge))))


def damping_words(edge: Edge) -> str:
    """Return a damped loop's share of the new signal; nothing for the others."""
    return f"damping {edge.damping:g}" if edge.damping < 1 else ""


def delay_words(edge: Edge) -> str:
    """Return an edge's delay if its kind does not say it: of a loop above 1, of a skip above 0.

    Or after which section it is read, at whatever unroll.
    """
    if edge.after:
        return f"after section {edge.after}"
    usual = 1 if edge.kind == "loop" else 0
    return f"delay {edge.delay}" if edge.delay > usual else ""


def fit_words(edge: Edge) -> str:
    """Return how a signal is fitted to its target: resize, project, pad, or nothing."""
    words = {"project": edge.project, "resize": edge.resize, "pad": edge.pad}
    return next((word for word, used in words.items() if used), "")


def start_words(edge: Edge) -> str:
    """Return what a merge sees before the first signal; nothing if there is no such time."""
    return edge.initial if edge.delay and not edge.after else ""


def route_words(edge: Edge) -> str:
    """Return everything about an edge in one line: conv_3 → up → conv_1, sum, delay 2."""
    words = [" → ".join((edge.source, *edge.through, edge.target)), edge.merge]
    if delay_words(edge):
        words.append(delay_words(edge))
    if damping_words(edge):
        words.append(damping_words(edge))
    if fit_words(edge):
        words.append(fit_words(edge))
    if edge.initial != "absent":
        words.append(f"initial {edge.initial}")
    return ", ".join(words)


def section_words(graph: Graph, section: Section) -> str:
    """Return a section's name and how often it runs."""
    if section == "trunk":
        return "trunk"
    if section == "body":
        untied = "" if graph.tied else ", untied weights"
        order = ", parallel" if graph.schedule == "parallel" else ""
        zeros = ", from zeros" if graph.delays and graph.initial == "zero" else ""
        norm = graph.weight_bound
        bound = "" if norm is None else f", weights of norm {norm:.3g} at most"
        if len(graph.sections) > 1:
            passes = ", ".join(f"x{count}" for count in graph.sections)
            return f"loopy sections, {passes} unrolls one after another{untied}"
        return f"loopy section, x{graph.steps} unrolls{order}{zeros}{untied}{bound}"
    return "head, at every unroll" if graph.readout == "each" else "head"


def _type_and_size(spec: LayerSpec) -> list[str]:
    """Return the type with what gives the output's shape: conv2d 3x3, then 64 filters."""
    options = dict(spec)
    head = [spec.type]
    head += [form.format(_size(spec, k)) for k, form in _SIZES.items() if k in options]
    counts = [_count(form, options[k]) for k, form in _COUNTS.items() if k in options]
    if len(head) == 1:
        head += counts[:1]
        del counts[:1]
    return [" ".join(head), *counts]


def _size(spec: LayerSpec, key: str) -> str:
    """Return an option as a size: 3x3, but 5 where it is no height and width."""
    value = getattr(spec, key)
    return str(value) if type(spec).model_fields[key].annotation is int else _value(key, value)


def _count(form: str, value: object) -> str:
    return form.format(value).removesuffix("s") if value == 1 else form.format(value)


def _unusual(spec: LayerSpec) -> list[str]:
    """Return the options that differ from their defaults: stride 2, padding valid, no bias."""
    fields = type(spec).model_fields
    unsaid = {*_SIZES, *_COUNTS, *_UNSAID, *(Norm.model_fields if isinstance(spec, Norm) else ())}
    return [
        _option(key, value)
        for key, value in spec
        if key not in unsaid and value != fields[key].default
    ]


def _option(key: str, value: object) -> str:
    name = key.replace("_", " ")
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {_value(key, value)}"


def _activation(spec: LayerSpec) -> list[str]:
    return [] if spec.activation.name == "linear" else [_choice(spec.activation)]


def _choice(choice: Choice) -> str:
    return " ".join([choice.name, *map(str, choice.options.values())])


def _value(key: str, value: object) -> str:
    """Return an option's value without brackets: 3x3 for a size, 1x2 for a pair."""
    if isinstance(value, int) and key == "size":
        value = (value, value)
    if isinstance(value, list | tuple):
        return "x".join(map(str, value))
    return _choice(value) if isinstance(value, Choice) else str(value)

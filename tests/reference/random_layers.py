"""Hypothesis strategies: random layers and norms, of which random documents are made."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from loopynet import NetworkSpec, SpecError, build_graph

Document = dict[str, Any]
"""What a YAML file holds, with nothing filled in."""

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
WEIGHTED = {"conv2d", "conv_transpose2d", "dense"}


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
    "scale": lambda draw: {"factor": draw(st.sampled_from((-0.5, 0.5, 1.5)))},
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
    if kind in WEIGHTED and draw(st.integers(0, 4)) == 0:
        layer["norm"] = draw(norms())
    return layer


def valid(document: Document) -> bool:
    """Say whether the document describes a network."""
    try:
        build_graph(NetworkSpec.model_validate(document))
    except SpecError:
        return False
    return True

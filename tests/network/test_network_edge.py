"""Fitting a signal, merging it, and what stands for it before the first."""

import pytest
import torch

from loopynet import build_graph
from loopynet.network.edge import Fit, Merge, initial_signal
from reference.strategies import tiny

TEXT = """
input: {shape: [2, 4, 4]}
layers:
  a: {type: conv2d, filters: 3}
  b: {type: pool2d}
  c: {type: dense, units: 5}
main: [a, b, c]
unroll: {steps: 3}
"""


def edge(**loop):
    return build_graph(tiny(TEXT, loops={"l": {"to": "a", **loop}})).loops[0]


@pytest.mark.parametrize(
    ("loop", "raw", "fitted"),
    [
        ({"from": "a", "merge": "concat"}, (3, 4, 4), (3, 4, 4)),
        ({"from": "b", "merge": "concat", "fit": "resize"}, (3, 2, 2), (3, 4, 4)),
        ({"from": "b", "fit": "project"}, (3, 2, 2), (2, 4, 4)),
        ({"from": "c", "fit": "project"}, (5,), (2, 4, 4)),
        ({"from": "c", "to": "c", "fit": "project"}, (5,), (12,)),
        ({"from": "c", "to": "c", "fit": "project", "merge": "concat"}, (5,), (5,)),
    ],
)
def test_a_fit_gives_the_signals_shape(loop, raw, fitted):
    resolved = edge(**loop)
    assert resolved.raw_shape == raw
    if resolved.target == "c":
        # The dense layer's input is the image of b: a vector is spread over its positions.
        fitted = (3, 2, 2)
    signal = Fit(resolved)(torch.randn(7, *raw))
    assert tuple(signal.shape[1:]) == resolved.signal_shape == fitted
    merged = Merge(resolved)(torch.randn(7, *resolved.target_shape), signal)
    assert tuple(merged.shape[1:]) == resolved.merged_shape


def test_pad_leaves_out_positions_and_adds_channels_of_zeros():
    text = TEXT.replace("b: {type: pool2d}", "b: {type: conv2d, filters: 4, stride: 2}")
    for merge, channels in (("sum", 4), ("concat", 2)):
        skip = {"from": "input", "to": "c", "fit": "pad", "merge": merge}
        (found,) = build_graph(tiny(text, skips={"l": skip})).skips
        assert (found.pad, found.signal_shape) == (True, (channels, 2, 2))
        signal = torch.randn(3, 2, 4, 4)
        fitted = Fit(found)(signal)
        assert torch.equal(fitted[:, :2], signal[:, :, ::2, ::2])
        assert not fitted[:, 2:].any()


def test_a_fitting_signal_passes_unchanged():
    fit = Fit(edge(**{"from": "a", "merge": "concat"}))
    signal = torch.randn(2, 3, 4, 4)
    assert fit(signal) is signal
    assert not list(fit.parameters())


@pytest.mark.parametrize(("initial", "value"), [("zero", 0.0), ("one", 1.0), ("absent", None)])
def test_before_the_first_signal(initial, value):
    like = torch.randn(5, 9, dtype=torch.float64)
    signal = initial_signal(edge(**{"from": "b", "fit": "project", "initial": initial}), like)
    if value is None:
        assert signal is None
    else:
        assert torch.equal(signal, torch.full((5, 2, 4, 4), value, dtype=torch.float64))

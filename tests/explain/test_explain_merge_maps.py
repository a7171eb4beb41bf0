"""The terms of a merge, where it acts, and how much its result looks like the image."""

import numpy as np
import pytest
import torch

from loopynet import LoopyNetError, load_spec
from loopynet.explain import likeness, merges, overlay
from reference.random_layers import MERGES
from reference.values import assert_close, random_input, random_net

SIZES = ("input.shape=[3, 6, 5]", "layers.conv_1.filters=4", "layers.conv_2.filters=5")


def network(merge="sum", *changes):
    spec = load_spec("cifar10-loopy", (*SIZES, f"loops.feedback.merge={merge}", *changes))
    return random_net(spec).eval()


@pytest.mark.parametrize("merge", MERGES)
def test_the_terms_and_the_result(merge):
    net = network(merge)
    x = random_input(net)
    trace = net.trace(x)
    views = merges(net, x)
    first = 1 if merge == "concat" else 2
    assert list(views) == [f"feedback@{t}" for t in range(first, 4)]
    for name, view in views.items():
        assert (view.name, view.kind, view.merge) == (name, "loop", merge)
        assert_close(view.forward, x, "the image")
        assert_close(view.result, trace[name], name)
        if view.unroll > 1:
            assert_close(view.signal, trace[f"conv_3@{view.unroll - 1}"], "the signal")
        f, h = view.signal, view.forward
        if merge in ("mul", "modulate", "gain"):
            factor = {"mul": f, "modulate": 1 + f, "gain": 1 + f.tanh()}[merge]
            assert view.measure == "factor"
            assert_close(view.attention, factor.mean(1), "factor")
            assert_close(view.result, h * factor, "result")
        else:
            acting = (view.result - h if merge == "gate" else f).abs().sum(1)
            assert view.measure == "share"
            assert_close(view.attention, acting / (acting + h.abs().sum(1)), "share")
            assert 0 <= view.attention.min() <= view.attention.max() <= 1


def test_names_of_several_loops_and_skips_and_vectors():
    net = network("sum", "skips.over={from: conv_1, to: conv_3, fit: project}",
                  "loops.answer={from: fc_1, to: conv_1, fit: project, merge: mul}")  # fmt: skip
    views = merges(net, random_input(net), unrolls=2)
    assert set(views) == {"over@1", "over@2", "feedback@2", "answer@2"}
    assert views["over@1"].kind == "skip"
    assert torch.equal(views["answer@2"].forward, views["feedback@2"].result)


def test_vectors_have_no_map():
    net = network(
        "sum",
        "layers.fc_2={type: dense, units: 10}",
        "main=[conv_1, conv_2, conv_3, fc_1, fc_2]",
        "loops={back: {from: fc_2, to: fc_2}}",
    )
    view = merges(net, random_input(net))["back@2"]
    assert view.attention is None
    assert likeness({"back@2": view}, random_input(net)) == {}


def test_trace_has_no_terms():
    net = network()
    assert not [name for name in net.trace(random_input(net)) if "." in name]


def test_training_mode_is_refused():
    with pytest.raises(LoopyNetError, match=r"net\.eval"):
        merges(network().train(), random_input(network()))


def test_likeness_is_pearsons_correlation_with_its_interval():
    net = network()
    x = random_input(net, batch=6)
    views = merges(net, x)
    found = likeness(views, x)
    for name, view in views.items():
        each = [np.corrcoef(a.flatten(), b.flatten())[0, 1]
                for a, b in zip(view.result, x, strict=True)]  # fmt: skip
        assert found[name].mean == pytest.approx(np.mean(each), abs=1e-9)
        error = np.std(each, ddof=1) / np.sqrt(6) * 2.570581836  # Student's t of 5, 97.5 %
        assert found[name].high - found[name].mean == pytest.approx(error, rel=1e-6)


def test_likeness_of_other_shapes_is_that_of_the_means():
    net = network("concat")
    x = random_input(net)
    (view, *_) = merges(net, x).values()
    found = likeness({"x": view}, x)["x"].mean
    each = [np.corrcoef(a.mean(0).flatten(), b.mean(0).flatten())[0, 1]
            for a, b in zip(view.result, x, strict=True)]  # fmt: skip
    assert found == pytest.approx(np.mean(each), abs=1e-9)


def test_overlay():
    image = torch.rand(2, 3, 8, 6)
    values = torch.zeros(2, 8, 6)
    values[:, 2, 3] = 2
    shown = overlay(image, values, 0, 2)
    assert shown.shape == (2, 3, 8, 6)
    assert 0 <= shown.min() <= shown.max() <= 1
    red_and_green = shown[:, :2].sum(1) - 0.9 * image.mean(1)  # viridis ends in yellow
    assert (red_and_green.flatten(1).argmax(1) == 2 * 6 + 3).all()
    assert torch.equal(overlay(image[0], values[0], 0, 2), shown[0])
    assert overlay(image, torch.rand(2, 4, 3)).shape == (2, 3, 8, 6)

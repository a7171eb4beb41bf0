"""A network that ends in a map of logits: what works, and what needs one answer for each image."""

import copy
import pickle

import numpy as np
import pytest
import torch

from loopynet import (
    Agreed,
    Confident,
    Converged,
    LoopyClassifier,
    LoopyNet,
    LoopyNetError,
    Recompute,
    SpecError,
    build_graph,
    parse_spec,
    to_fx,
    to_onnx,
)
from loopynet.explain import dynamics
from loopynet.hub import model_card
from loopynet.network.loss import loss_over_time
from reference.examples import LABEL_MAPS

NET = f"{LABEL_MAPS}norm: {{type: batch, over_time: per_step}}\nreadout: each\n"


@pytest.fixture
def net():
    torch.manual_seed(0)
    return LoopyNet(parse_spec(NET))


X = torch.randn(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(36).reshape(4, 3, 3) % 3


def test_logits_are_maps(net):
    assert net.graph.output_shape == (3, 3, 3)
    assert net(X).shape == (3, 4, 3, 3, 3)
    assert net(X, readout="last").shape == (4, 3, 3, 3)
    assert net.trace(X)["labels@2"].shape == (4, 3, 3, 3)


def test_the_loss_is_over_labeled_positions(net):
    labels = LABELS.clone()
    labels[:, 0] = -100
    logits = net.eval()(X)
    rows = logits[..., 1:, :].movedim(2, -1).reshape(3, -1, 3)
    flat = labels[:, 1:].reshape(-1)
    each = [torch.nn.functional.cross_entropy(one, flat) for one in rows]
    for steps, wanted in (("last", each[2]), ("all", sum(each) / 3), ((1.0, 0.0, 1.0), None)):
        wanted = (each[0] + each[2]) / 2 if wanted is None else wanted
        assert loss_over_time(logits, labels, steps).item() == pytest.approx(wanted.item())
    assert loss_over_time(logits[2], labels).item() == pytest.approx(each[2].item())


def test_copies_and_other_forms_compute_the_same(net, tmp_path):
    net(X)
    wanted = net.eval()(X)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.untie(), to_fx(net)):
        torch.testing.assert_close(other(X), wanted)
    assert to_onnx(net, tmp_path / "net.onnx", readout="each") < 1e-4


def test_gradient_modes_agree(net):
    net.double()
    found = []
    for mode in (None, Recompute()):
        net.zero_grad()
        loss_over_time(net(X.double(), gradient=mode), LABELS, "all").backward()
        found.append(net.layers["a"].op.weight.grad.clone())
    torch.testing.assert_close(*found)


def test_a_fixed_point_has_a_map():
    text = NET.replace("readout: each", "").replace("steps: 3", "steps: 3, contract: 0.5")
    net = LoopyNet(parse_spec(text.replace("norm: {type: batch, over_time: per_step}", ""))).eval()
    assert net(X, stop=Converged(1e-5)).shape == (4, 3, 3, 3)


@pytest.mark.parametrize("stop", [Confident(0.5), Agreed(2)])
def test_early_exit_is_refused(net, stop):
    with pytest.raises(LoopyNetError, match="needs one answer for each image"):
        net.eval().run(X, stop)


def test_what_needs_one_answer_is_refused(net):
    with pytest.raises(LoopyNetError, match="measurement needs one answer for each image"):
        dynamics(net.eval(), X, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(LoopyNetError, match="model card needs one answer for each image"):
        model_card(net)
    with pytest.raises(LoopyNetError, match="scikit-learn needs one answer for each image"):
        LoopyClassifier(net.spec, epochs=1).fit(np.zeros((4, 2, 6, 6), np.float32), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("{type: dense, units: 3}", r"gives \[3\], and with data.labels: map"),
        ("{type: upsample}", r"gives \[4, 12, 12\].* no finer than the input"),
    ],
)
def test_a_network_without_a_grid_is_refused(last, said):
    text = NET.replace("{type: conv2d, filters: 3, size: 2, stride: 2}", last)
    text = text.replace("loops: {back: {from: labels, to: a, merge: concat, fit: resize}}", "")
    with pytest.raises(SpecError, match=said):
        build_graph(parse_spec(text))

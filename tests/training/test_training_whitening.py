"""A first layer that starts as the directions in which patches of images vary."""

import pytest
import torch
from torch.nn import functional

from loopynet import SpecError
from loopynet.data import load_data
from loopynet.run import RunFolder
from loopynet.training import resume, train
from training.small_runs import small_spec

WHITEN = ("training.whiten=conv_1", "training.epochs=1")
ONE_BACK = ("unroll.tied=false", "loops.feedback.to=conv_1", "layers.conv_3.filters=1")


@pytest.mark.parametrize("changes", [(), ("layers.conv_1.size=2",), ("layers.conv_1.dilation=2",)])
def test_the_responses_are_uncorrelated_and_of_variance_one(changes, tmp_path):
    spec = small_spec(*WHITEN, *changes, "training.freeze=[conv_1]")
    run = train(spec, str(tmp_path / "run")).run
    layer = run.network().layers["conv_1"].op
    conv = layer[-1] if isinstance(layer, torch.nn.Sequential) else layer
    loaded = load_data(spec.data, (1, 8, 8), 10)
    x = loaded.preprocessing(loaded.train.pixels).double()
    weight = conv.weight.detach().double()
    out = functional.conv2d(x, weight, dilation=conv.dilation).transpose(0, 1).flatten(1)
    assert torch.equal(conv.weight[::2], -conv.weight[1::2])
    covariance = torch.cov(out[::2], correction=0)
    assert (covariance - torch.diag(covariance.diag())).abs().max() < 1e-3
    assert ((covariance.diag() > 0.9) & (covariance.diag() <= 1.0001)).all()
    assert not conv.bias.any()


def test_without_freeze_it_is_trained_and_a_killed_run_goes_on(tmp_path, monkeypatch):
    spec = small_spec(*WHITEN, "training.epochs=2")
    alone = train(spec, str(tmp_path / "alone")).run
    calls = []

    def watch(row):
        calls.append(row)
        raise KeyboardInterrupt

    train(spec, str(tmp_path / "killed"), watch=watch)
    killed = RunFolder(tmp_path / "killed")
    resume(killed)
    first, second = (run.read_tensors("model.safetensors") for run in (alone, killed))
    assert calls
    assert all(torch.equal(first[key], second[key]) for key in first)
    weight = first["layers.conv_1.op.weight"]
    assert not torch.allclose(weight[::2], -weight[1::2])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (("training.whiten=conv_2",), "not a conv2d of one group"),
        (("training.whiten=nowhere",), "not a conv2d of one group"),
        (
            ("layers.conv_1.filters=19", "layers.conv_3.filters=19"),
            "in 9 directions of two signs; write at most 18 filters",
        ),
        (ONE_BACK, "with one set of weights"),
    ],
)
def test_what_it_cannot_whiten_is_refused(changes, text, tmp_path):
    with pytest.raises(SpecError, match=text):
        train(small_spec(*WHITEN, *changes), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()

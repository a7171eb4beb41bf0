"""Training with a number of unrolls that varies: what is run, and that a resume repeats it."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor

from loopynet import load_spec, parse_spec, read_spec, to_yaml
from loopynet.errors import SpecError
from loopynet.network import LoopyNet
from loopynet.run import RunFolder
from loopynet.training import resume, train

SMALL = (
    "training.epochs=4",
    "training.batch_size=20",
    "layers.conv_1.filters=4",
    "layers.conv_2.filters=4",
    "layers.conv_3.filters=4",
    "norm=none",
    "data.split={train: 100, validation: 20, test: 20}",
)


def trained(monkeypatch, tmp_path, *changes):
    """Train; returns the run and the unrolls of every training step."""
    spec = load_spec("digits-loopy", (*SMALL, *changes))
    seen = []
    forward = LoopyNet.forward

    def watch(self, x, **options):
        if self.training and not isinstance(x, FakeTensor):  # no step: what memory it takes
            seen.append(options.get("unrolls") or self.graph.steps)
        return forward(self, x, **options)

    monkeypatch.setattr(LoopyNet, "forward", watch)
    result = train(spec, str(tmp_path / "run"))
    return result.run, seen


def test_progressive(monkeypatch, tmp_path):
    _, seen = trained(monkeypatch, tmp_path, "training.unrolls={type: progressive, share: 0.6}")
    assert seen == [1] * 4 + [2] * 4 + [3] * 12


def test_random_is_the_same_after_a_resume(monkeypatch, tmp_path):
    whole, seen = trained(monkeypatch, tmp_path / "a", "training.unrolls=random")
    assert len(seen) == 20
    assert set(seen) == {1, 2, 3}
    half, first = trained(
        monkeypatch, tmp_path / "b", "training.unrolls=random", "training.epochs=2"
    )
    assert first == seen[:10]
    text = to_yaml(read_spec(half.path / "config.yaml"), resolved=True)
    (half.path / "config.yaml").write_text(text.replace("epochs: 2", "epochs: 4"))
    (half.path / "results.json").unlink()
    resume(RunFolder(half.path))
    for key, value in whole.read_tensors("model.safetensors").items():
        assert torch.equal(value, half.read_tensors("model.safetensors")[key])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("readout: each\nloss: {steps: [1, 2, 3]}", "varies their number"),
        ("unroll: {steps: 3, until: converged}", "write fixed"),
        (
            "unroll: {steps: 3, until: converged}\nloss: {progressive: 0.5}",
            "loss.progressive: takes a part of the unrolls",
        ),
    ],
)
def test_what_does_not_go_together(changes, message):
    unrolls = "fixed" if "progressive" in changes else "random"
    text = (
        "input: {shape: [4]}\nlayers: {a: {type: dense, units: 4}, b: {type: dense, units: 2}}\n"
        "main: [a, b]\nloops: {l: {from: a, to: a}}\n"
        f"training: {{unrolls: {unrolls}, "
        f"gradient: {'implicit' if 'until' in changes else 'full'}}}\n"
        f"{changes}\n{'' if 'unroll' in changes else 'unroll: {steps: 3}'}"
    )
    with pytest.raises(SpecError, match=message):
        parse_spec(text)

"""An ONNX file computes what the network does, and one that does not is not kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_nets import small_net
from transformers import ResNetConfig, ResNetForImageClassification

from loopynet import Loop, LoopyNetError, add_loops
from loopynet.export import onnx_file, to_onnx

onnxruntime = pytest.importorskip("onnxruntime")


def run(path: Path, *inputs: torch.Tensor) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, (x.numpy() for x in inputs), strict=True)))


@pytest.mark.parametrize("unrolls", [None, 2])
def test_a_network(tmp_path: Path, unrolls: int | None) -> None:
    net, file = small_net(), tmp_path / "net.onnx"
    assert to_onnx(net, file, unrolls, readout="each") < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    net.float()
    for n in (1, 3, 7):
        x = torch.rand(n, 3, 6, 6)
        wanted = net(x, unrolls=unrolls, readout="each").detach().numpy()
        np.testing.assert_allclose(run(file, x)[0], wanted, rtol=1e-4, atol=1e-4)


def test_a_model_of_transformers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_labels=3
    )
    images = torch.rand(2, 3, 16, 16)
    names = [f"resnet.encoder.stages.{i}" for i in (1, 0)]
    loop = Loop(from_=names[0], to=names[1], merge="modulate", fit="project")
    model = ResNetForImageClassification(config)
    net = add_loops(model, [loop], example=images, start="full").eval()
    file = tmp_path / "model.onnx"
    to_onnx(net, file, unrolls=3, example={"pixel_values": images})
    x = torch.rand(5, 3, 16, 16)
    wanted = net(x, unrolls=3).logits.detach()
    assert not torch.allclose(wanted, model(x).logits, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(run(file, x)[0], wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_a_file_that_computes_something_else_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, file = torch.nn.Linear(3, 2), tmp_path / "net.onnx"
    file.write_text("an older file")
    written = onnx_file._write

    def wrong(function, path):
        with torch.no_grad():
            function.module.weight[0, 0] += 0.01
            written(function, path)
            function.module.weight[0, 0] -= 0.01

    class Plain(torch.nn.Linear):
        def forward(self, *tensors):
            return (super().forward(*tensors),)

    function = onnx_file.Traceable(Plain(3, 2), (torch.rand(2, 3),), ("x",), ("logits",))
    monkeypatch.setattr(onnx_file, "traceable", lambda *_: function)
    monkeypatch.setattr(onnx_file, "_write", wrong)
    with pytest.raises(LoopyNetError, match=r'"logits" is off by 0\.00'):
        to_onnx(net, file)  # type: ignore[arg-type]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        ("net.onnx", "an older file")
    ]


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    with pytest.raises(LoopyNetError, match=r"needs onnx, .*pip install 'loopynet\[onnx\]'"):
        to_onnx(small_net(), tmp_path / "net.onnx")

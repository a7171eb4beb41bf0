"""`loopynet export`, as a process."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from loopynet import LoopyNet

LOOPYNET = Path(sys.executable).with_name("loopynet")


def export(folder: Path, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [LOOPYNET, "export", *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stderr
    return done.stderr


def test_onnx(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    said = export(tmp_path, "mnist-loopy", "--format", "onnx", "--out", "net.onnx", "--each")
    assert said.startswith("wrote net.onnx; onnxruntime gives the same logits")
    x = torch.rand(3, 1, 28, 28)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    (found,) = session.run(["logits"], {"x": x.numpy()})
    wanted = LoopyNet.pretrained("mnist-loopy")(x, readout="each").detach()
    torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-4, atol=1e-4)


def test_torch(tmp_path: Path) -> None:
    arguments = ("mnist-loopy", "--format", "torch", "--out", "net.pt2", "--unrolls", "2")
    assert export(tmp_path, *arguments) == "wrote net.pt2\n"
    x = torch.rand(3, 1, 28, 28)
    (found,) = torch.export.load(tmp_path / "net.pt2").module()(x)
    torch.testing.assert_close(found, LoopyNet.pretrained("mnist-loopy")(x, unrolls=2))


def test_code(tmp_path: Path) -> None:
    export(tmp_path, "mnist-loopy", "--format", "fx", "--out", "net.py", "--unrolls", "4")
    code = (tmp_path / "net.py").read_text()
    assert "conv_2_at_4 = self.layers.conv_2" in code
    assert "_at_5" not in code
    compile(code, "net.py", "exec")


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    arguments = ("mnist-loopy", "--format", "fx", "--out", "no/net.py")
    said = export(tmp_path, *arguments, status=1)
    assert said == "loopynet: no/net.py: No such file or directory\n"

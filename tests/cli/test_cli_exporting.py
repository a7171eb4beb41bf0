"""`loopynet export`, as a process."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from loopynet import LoopyNet
from loopynet.cli.main import main

LOOPYNET = Path(sys.executable).with_name("loopynet")


def test_onnx_by_a_process(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    arguments = ("export", "mnist-loopy", "--format", "onnx", "--out", "net.onnx", "--each")
    done = subprocess.run(
        [LOOPYNET, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("wrote net.onnx; onnxruntime gives the same logits")
    assert len(done.stderr.splitlines()) == 1
    x = torch.rand(3, 1, 28, 28)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    (found,) = session.run(["logits"], {"x": x.numpy()})
    wanted = LoopyNet.pretrained("mnist-loopy")(x, readout="each").detach()
    torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-4, atol=1e-4)


def test_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.pt2"
    assert (
        main(["export", "mnist-loopy", "--format", "torch", "--out", str(file), "--unrolls=2"]) == 0
    )
    assert capsys.readouterr().err == f"wrote {file}\n"
    x = torch.rand(3, 1, 28, 28)
    (found,) = torch.export.load(file).module()(x)
    torch.testing.assert_close(found, LoopyNet.pretrained("mnist-loopy")(x, unrolls=2))


@pytest.mark.filterwarnings("ignore:running 4 unrolls")
def test_code(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    assert (
        main(["export", "mnist-loopy", "--format", "fx", "--out", str(file), "--unrolls", "4"]) == 0
    )
    code = file.read_text()
    assert "conv_2_at_4 = self.layers.conv_2" in code
    assert "_at_5" not in code
    compile(code, "net.py", "exec")


@pytest.mark.parametrize("form", ["fx", "torch"])
def test_a_folder_that_is_not_there_is_one_line(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "no" / "net.py"
    assert main(["export", "mnist-loopy", "--format", form, "--out", str(file)]) == 1
    assert capsys.readouterr().err == f"loopynet: {file}: No such file or directory\n"

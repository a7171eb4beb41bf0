"""Classes of image files."""

import numpy as np
import pytest
import torch
from PIL import Image

from loopynet import LoopyNet, load_spec
from loopynet.data import Preprocessing
from loopynet.run import RunFolder, predict


@pytest.mark.filterwarnings("ignore:.*did not converge")
def test_a_network_that_runs_to_convergence_gives_one_answer(tmp_path):
    changes = ("norm={type: group, over_time: shared}", "unroll.until=converged")
    spec = load_spec("digits-loopy", (*changes, "unroll.max_steps=5", "training.gradient=implicit"))
    run, net = RunFolder(tmp_path), LoopyNet(spec).eval()
    run.write_spec(spec)
    run.write_tensors("model.safetensors", dict(net.state_dict()))
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    preprocessing = Preprocessing(1.0, torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    run.write_tensors("preprocessing.safetensors", preprocessing.to_tensors())
    run.write_json("data.json", {"class_names": list("0123456789")})
    (one,) = predict(run, [tmp_path / "image.png"], top=10)
    with torch.no_grad():
        wanted = net(torch.from_numpy(pixels).float()[None, None]).softmax(-1)[0]
    (found,) = one.probabilities
    assert dict(found) == pytest.approx({str(i): p for i, p in enumerate(wanted.tolist())})
    (each,) = predict(run, [tmp_path / "image.png"], unrolls=2)
    assert len(each.probabilities) == 2

"""What workers do, without their processes."""

import pytest
import torch
from safetensors.torch import load_file

from loopynet import load_spec
from loopynet.bench.contenders import build_contender
from loopynet.bench.memory import peak_allocated
from loopynet.bench.tasks import Product, Steps
from loopynet.graph import build_graph, costs

CPU = torch.device("cpu")
TINY = {"network": "mnist-loopy", "changes": ["layers.conv_1.filters=4"], "batch": 4,
        "device": "cpu"}  # fmt: skip


def test_the_peak_is_what_was_allocated_at_once():
    x = torch.ones(500, 500)  # 1 MB
    about = {"abs": 100}  # a number that is added is a tensor, too
    assert peak_allocated(lambda: (x + 1) + 2, CPU) == pytest.approx(2_000_000, **about)
    assert peak_allocated(lambda: (x + 1).sum(), CPU) == pytest.approx(1_000_000, **about)
    assert peak_allocated(lambda: x.add_(1), CPU) == pytest.approx(0, **about)


def test_recompute_is_flat_in_memory_and_full_is_not():
    peak = {}
    for mode in ("full", "recompute"):
        changes = ["layers.conv_1.filters=4", "unroll.steps=8", f"training.gradient={mode}"]
        task = Steps(contender="ours", **{**TINY, "changes": changes}, images=1)
        peak[mode] = [task.peak(unrolls=k)["allocated"] for k in (1, 8)]
    assert peak["full"][1] > 5 * peak["full"][0]
    assert peak["recompute"][1] < 2 * peak["recompute"][0]


def test_a_step_changes_the_weights_and_an_answer_does_not(tmp_path):
    task = Steps(contender="eager", **TINY)
    before = {k: v.clone() for k, v in task.contender.module.named_parameters()}
    task.answer(str(tmp_path / "a"))
    assert all(torch.equal(v, before[k]) for k, v in task.contender.module.named_parameters())
    assert task.run(2) > 0
    assert not any(torch.equal(v, before[k]) for k, v in task.contender.module.named_parameters())
    found = load_file(tmp_path / "a")
    assert found["logits"].shape == (4, 10)
    assert found["layers.conv_1.norm.weight"].shape == (3, 4)
    assert task.multiply_adds() == costs(build_graph(load_spec("mnist-loopy", TINY["changes"]))
                                         ).multiply_adds  # fmt: skip


def test_inference_gives_logits_alone_and_moves_no_statistics(tmp_path):
    task = Steps(contender="ours", **TINY, mode="infer")
    before = {k: v.clone() for k, v in task.contender.module.state_dict().items()}
    assert set(task.warm()) == {"seconds", "compile_seconds"}
    task.answer(str(tmp_path / "a"))
    assert set(load_file(tmp_path / "a")) == {"logits"}
    after = task.contender.module.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_a_step_of_k_unrolls_runs_k(monkeypatch):
    contender = build_contender("ours", load_spec("mnist-loopy"), 2, CPU)
    ran = []
    one_pass = contender.module._one_pass
    monkeypatch.setattr(contender.module, "_one_pass", lambda *a: ran.append(1) or one_pass(*a))
    contender.step(2)()
    assert len(ran) == 2
    contender.step()()
    assert len(ran) == 5


def test_a_product_is_one():
    task = Product(size=16, device="cpu")
    assert task.warm()["seconds"] > 0
    assert task.run(3) > 0
    torch.testing.assert_close(task.result, task.one @ task.other)

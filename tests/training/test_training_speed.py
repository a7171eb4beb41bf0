"""What makes training fast: chosen by device and length, recorded, and never other numbers."""

from __future__ import annotations

import platform

import pytest
import torch
from small_runs import small_spec

from loopynet import LoopyNet, NetworkSpec, load_spec
from loopynet.parts.optimizers import optimizers
from loopynet.training.allocator import keep_freed_memory, keeps_memory
from loopynet.training.speed import Speed, decide, estimated_seconds, fuse, plain, prepare

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def _decide(spec: NetworkSpec, device: torch.device = CPU, images: int = 20_000) -> Speed:
    return decide(spec, LoopyNet(spec).graph, device, images)


def test_a_short_run_is_not_compiled_and_a_long_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loopynet.training.speed.has_compiler", lambda: True)
    short = _decide(small_spec(), images=1000)["compile"]
    assert short.value is False
    assert "does not pay" in short.reason
    assert _decide(load_spec("cifar10-loopy"))["compile"].value == "layers"


@pytest.mark.parametrize(
    ("change", "value"),
    [("unroll.steps=3", "whole"), ("unroll.steps=8", False),
     ("training.gradient={type: truncated, steps: 1}", False)],
)  # fmt: skip
def test_small_steps_are_compiled_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, change: str, value: bool | str
) -> None:
    monkeypatch.setattr("loopynet.training.speed.has_compiler", lambda: True)
    choice = _decide(load_spec("cifar10-loopy", ("training.batch_size=1", change)))["compile"]
    assert choice.value == value
    assert "small" in choice.reason


def test_a_run_to_convergence_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loopynet.training.speed.has_compiler", lambda: True)
    changes = ("norm=layer", "unroll.until=converged", "training.gradient=implicit")
    choice = _decide(load_spec("cifar10-loopy", changes))["compile"]
    assert choice.value is False
    assert "converge" in choice.reason


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loopynet.training.speed.shutil.which", lambda _: None)
    choice = _decide(load_spec("cifar10-loopy"))["compile"]
    assert choice.value is False
    assert "no C++ compiler" in choice.reason


def test_the_estimate_counts_operations() -> None:
    spec = load_spec("cifar10-loopy", ("training.epochs=10",))
    graph = LoopyNet(spec).graph
    once = estimated_seconds(spec, graph, 1000, "cpu")
    assert once == pytest.approx(6 * 124_000_000 * 1000 * 10 / 1e11, rel=0.02)
    assert estimated_seconds(spec, graph, 3000, "cpu") == pytest.approx(3 * once)


@pytest.mark.parametrize(
    ("key", "value"),
    [("layout", "contiguous"), ("compile", True), ("fused_optimizer", False), ("tf32", True),
     ("keep_memory", False)],
)  # fmt: skip
def test_every_choice_can_be_made_in_the_spec(key: str, value: bool | str) -> None:
    text = value if isinstance(value, str) else str(value).lower()
    speed = _decide(small_spec(f"training.speed.{key}={text}"))
    assert plain(speed)[key] == {"value": value, "reason": "asked for"}
    others = {name for name, choice in speed.items() if choice.reason == "asked for"}
    assert others == {key}


def test_the_device_decides_about_tf32_and_memory() -> None:
    spec = small_spec()
    assert _decide(spec, CPU)["tf32"].value is False
    assert _decide(spec, CUDA)["tf32"].value is True
    assert _decide(spec, CUDA)["keep_memory"].value is False
    assert _decide(spec, CPU)["keep_memory"].value is keeps_memory()


def test_the_layout_is_that_of_the_weights() -> None:
    net, spec = LoopyNet(small_spec()), small_spec("training.speed.keep_memory=false")
    prepare(net, _decide(spec))
    weight = net.layers["conv_2"].op.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_a_fused_optimizer_takes_the_same_steps(name: str) -> None:
    from loopynet.parts.choice import Choice

    results = []
    for fused in (False, True):
        torch.manual_seed(0)
        layer = torch.nn.Linear(5, 3).double()
        optimizer = optimizers.call(Choice(name), layer.parameters(), 0.1)
        if fused:
            fuse(optimizer)
            known = "fused" in optimizer.param_groups[0]
            assert known == (name != "rmsprop")
        x = torch.rand(4, 5, dtype=torch.float64)
        for _ in range(4):
            optimizer.zero_grad()
            torch.autograd.backward(layer(x).square().sum())
            optimizer.step()
        results.append(layer.weight.detach().clone())
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-12)


def test_freed_memory_is_kept_where_the_c_library_can() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")

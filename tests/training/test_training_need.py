"""Memory is predicted before training, and refused with numbers."""

import pytest
import torch

from loopynet import LoopyNet, SpecError, load_spec
from loopynet.network.loss import loss_over_time
from loopynet.training import need as module
from loopynet.training import train
from loopynet.training.need import _Held, fitted, free_bytes, need, process_bytes, tensor_bytes
from training.small_runs import small_spec

CPU = torch.device("cpu")


@pytest.mark.parametrize("gradient", ["full", "recompute", "truncated"])
@pytest.mark.parametrize("name", ["digits-loopy", "cifar10-loopy", "resnet-tied"])
def test_tensors_without_storage_count_as_real_ones(name, gradient):
    spec = load_spec(name, (f"training.gradient={gradient}", "training.batch_size=4",
                            "training.optimizer=sgd"))  # fmt: skip
    net = LoopyNet(spec).train()
    x, labels = torch.zeros(4, *net.graph.input_shape), torch.zeros(4, dtype=torch.long)
    held = _Held()
    for tensor in (*net.parameters(), *net.buffers(), x, labels):
        held.hold(tensor)
    weights = held.now
    with held:
        loss_over_time(net(x), labels, spec.loss.steps).backward()
    momentum = 4 * sum(p.numel() for p in net.parameters())
    assert tensor_bytes(spec) == pytest.approx(held.most - weights + momentum, rel=0.05)


def test_larger_batches_need_more_and_recomputing_less():
    spec = load_spec("cifar10-loopy", ("unroll.steps=8",))
    assert 1.8 < tensor_bytes(spec, 64) / tensor_bytes(spec, 32) < 2.1
    less = load_spec("cifar10-loopy", ("unroll.steps=8", "training.gradient=recompute"))
    assert tensor_bytes(less) < 0.5 * tensor_bytes(spec)


def test_the_prediction_draws_nothing():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    tensor_bytes(load_spec("digits-loopy"))
    assert torch.equal(before, torch.get_rng_state())


def test_what_does_not_fit_is_refused_with_numbers(monkeypatch):
    spec = load_spec("cifar10-loopy", ("training.batch_size=256",))
    free = process_bytes(spec, CPU, 100)
    monkeypatch.setattr(module, "free_bytes", lambda _: free)
    with pytest.raises(SpecError) as caught:
        fitted(spec, CPU)
    said = str(caught.value)
    assert "training.batch_size" in said or caught.value.path == ("training", "batch_size")
    assert "write 64 (about" in said
    assert "training.gradient: recompute (about" in said
    assert "GiB" in said
    assert "are free" in said
    shrunk = load_spec("cifar10-loopy", ("training.batch_size=256", "training.too_large=shrink"))
    assert fitted(shrunk, CPU).training.batch_size == 64
    monkeypatch.setattr(module, "free_bytes", lambda _: 10)
    with pytest.raises(SpecError, match="are free"):
        fitted(shrunk, CPU)


def test_a_run_keeps_the_size_that_it_was_trained_with(monkeypatch, tmp_path):
    spec = small_spec("training.batch_size=256", "training.too_large=shrink", "training.epochs=1")
    free = process_bytes(spec, CPU, 64)
    monkeypatch.setattr(module, "free_bytes", lambda _: free)
    run = train(spec, str(tmp_path / "run")).run
    assert run.spec().training.batch_size == 64


def test_a_limit_of_the_process_counts():
    resource = pytest.importorskip("resource")
    plain = free_bytes(CPU)
    assert plain > 0
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:  # noqa: PTH123
        held = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + 2**30, limits[1]))
    try:
        assert free_bytes(CPU) <= 2**30
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert need(load_spec("digits-loopy"), CPU).fits


def test_a_second_run_an_average_and_a_shorter_precision_count():
    spec = load_spec("digits-loopy", ("training.batch_size=64",))
    plain = tensor_bytes(spec)

    def ratio(*changes):
        return tensor_bytes(load_spec("digits-loopy", ("training.batch_size=64", *changes))) / plain

    assert ratio("loss.progressive=0.5") > 1.5
    assert ratio("training.average=0.9") > 1
    assert ratio("training.precision=bfloat16") < 0.8

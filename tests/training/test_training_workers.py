"""Several processes train as one: shares of batches, gradients, norms, run folders."""

import csv
import os
import signal
import subprocess
import sys
import time

import lightning
import pytest
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from loopynet import LoopyNet, SpecError
from loopynet.data import Batches, Images, Preprocessing
from loopynet.modules.evolution import Evolution
from loopynet.network import loss_over_time
from loopynet.spec import DataSpec
from loopynet.training import Workers, train
from loopynet.training.module import LoopyModule
from loopynet.training.workers import (
    ALONE,
    holds_everywhere,
    rank,
    same_for_all,
    share_of_mean,
    shared_folder,
    synchronize_norms,
)
from training.small_runs import small_spec

COUNT, SIZE = 22, 8
NORMED = ("norm={type: batch, over_time: per_step}",)
LOOPYNET = [sys.executable, "-m", "loopynet"]


def images():
    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (COUNT, 1, 8, 8), generator=draws, dtype=torch.uint8)
    labels = torch.randint(0, 10, (COUNT,), generator=draws)
    return Images(pixels, labels), Preprocessing.fit(pixels, DataSpec())


def network():
    torch.manual_seed(0)
    return LoopyNet(small_spec(*NORMED)).double()


def batches(share, protocol="standard"):
    return Batches(*images(), SIZE, shuffle=True, protocol=protocol, share=share)


@pytest.mark.parametrize("protocol", ["standard", "published"])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_shares_overlap_nowhere_and_are_the_whole_together(count, protocol):
    whole = list(batches((0, 1), protocol))
    parts = [list(batches((i, count), protocol)) for i in range(count)]
    assert all(len(part) == len(whole) for part in parts)
    for step, (x, labels) in enumerate(whole):
        order = torch.cat([torch.arange(i, len(x), count) for i in range(count)])
        assert torch.equal(torch.cat([part[step][0] for part in parts]), x[order])
        assert torch.equal(torch.cat([part[step][1] for part in parts]), labels[order])


def gradients(net, share, workers):
    """Return the mean gradients of each batch, and what the running statistics are at the end."""
    found = []
    for x, labels in batches(share):
        net.zero_grad()
        loss = loss_over_time(net(x.double()), labels, "last")
        (loss * share_of_mean(len(x), workers, loss.device)).backward()
        grads = torch.cat([p.grad.flatten() for p in net.parameters()])
        if workers > 1:
            distributed.all_reduce(grads)
        found.append(grads / workers)
    buffers = torch.cat([b.flatten() for b in net.buffers()])
    return torch.stack(found), buffers


def one_of_two(rank, folder, together):
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    net = network()
    if together:
        synchronize_norms(net)
    torch.save(gradients(net, (rank, 2), 2), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.parametrize("together", [True, False])
def test_two_processes_have_the_gradient_of_one(tmp_path, together):
    """22 images in batches of 8: the last one has 6. Norms of their own see other means."""
    spawn(one_of_two, (str(tmp_path), together), nprocs=2)
    wanted, statistics = gradients(network(), (0, 1), 1)
    both = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert torch.equal(both[0][0], both[1][0])
    same = torch.allclose(both[0][0], wanted, rtol=1e-10, atol=1e-12)
    assert same == together
    if together:
        torch.testing.assert_close(both[0][1], statistics, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
def test_a_process_alone_leads_whatever_the_environment_says(name, tmp_path, monkeypatch):
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert rank(ALONE) == 0
    assert rank(Workers(2)) == 1
    run = shared_folder(str(tmp_path / "run"), small_spec(), ALONE)
    assert run.path.is_dir()


def decisions(rank, folder):
    """What two processes with numbers and images of their own do alike."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    cpu = torch.device("cpu")
    drawn = same_for_all(3 + rank, 5 - rank, workers=2, device=cpu)
    sound = holds_everywhere(torch.tensor(rank == 0), workers=2)
    weight = torch.nn.Parameter(torch.ones(3))
    torch.manual_seed(0)
    optimizer = Evolution([weight], 0.1, population=4)
    for _ in range(2):
        optimizer.step(lambda: float((weight - rank).square().sum()))
    torch.save([drawn, sound, weight.detach()], f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_decide_alike(tmp_path):
    pytest.importorskip("cma")
    spawn(decisions, (str(tmp_path),), nprocs=2)
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert one[0] == other[0] == (3, 5)
    assert one[1] is other[1] is False
    assert torch.equal(one[2], other[2])


def test_a_batch_too_small_to_share_is_refused(tmp_path):
    spec = small_spec("data.split={train: 33, validation: 10, test: 10}", "training.batch_size=16")
    with pytest.raises(SpecError, match="a batch of 1 of 33 images for 2 workers"):
        train(spec, str(tmp_path / "run"), workers=Workers(devices=2))


CHANGES = ["training.epochs=2", "training.device=cpu", "norm=none", "training.checkpoint_every=3",
           "data.split={train: 320, validation: 100, test: 100}"]  # fmt: skip


def run(*words, cwd, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*LOOPYNET, *words], cwd=cwd, env=environment, capture_output=True,
                          text=True, timeout=300, check=False, **options)  # fmt: skip


def losses(folder):
    with (folder / "metrics.csv").open() as file:
        return [float(row["train_loss"]) for row in csv.DictReader(file)]


def validate(folder, devices):
    """Write the figures of the network on validation images, and how many each process saw."""
    pixels = torch.randint(0, 256, (257, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    data = Images(pixels.to(torch.uint8), torch.arange(257) % 10), images()[1]
    torch.manual_seed(0)
    module = LoopyModule(LoopyNet(small_spec(*NORMED)))
    trainer = lightning.Trainer(
        accelerator="cpu", devices=devices, logger=False, enable_progress_bar=False,
        strategy="ddp_spawn" if devices > 1 else "auto", num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.validate(module, Counted(*data, folder), verbose=False)
    return {key: float(value) for key, value in trainer.callback_metrics.items()}


class Counted(Batches):
    """The batches of an evaluation; each process writes down how many images it got."""

    def __init__(self, data, preprocessing, folder):
        super().__init__(data, preprocessing, 256, shuffle=False)
        self.folder = folder

    def __iter__(self):
        if distributed.is_initialized():
            self.share = distributed.get_rank(), distributed.get_world_size()
        seen = []
        for x, labels in super().__iter__():
            seen.append(len(x))
            (self.folder / f"seen-{self.share[0]}-of-{self.share[1]}").write_text(str(seen))
            yield x, labels


def test_two_processes_validate_together_what_one_does(tmp_path):
    """257 images in batches of 256: of the last one, the second process has none."""
    alone, both = validate(tmp_path, 1), validate(tmp_path, 2)
    assert both["validation_accuracy"] == alone["validation_accuracy"] > 0
    assert both["validation_loss"] == pytest.approx(alone["validation_loss"], rel=1e-6)
    seen = {file.name: file.read_text() for file in tmp_path.glob("seen-*")}
    assert seen == {
        "seen-0-of-1": "[256, 1]", "seen-0-of-2": "[128, 1]", "seen-1-of-2": "[128, 0]",
    }  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs POSIX")
def test_the_command_on_two_devices_and_on_with_one(tmp_path):
    alone = run("train", "digits-loopy", "--run", "alone", "--set", *CHANGES, cwd=tmp_path)
    words = ["train", "digits-loopy", "--devices", "2", "--run", "two", "--set", *CHANGES]
    both = run(*words, cwd=tmp_path)
    words[words.index("two")] = "streamed"
    streamed = run(*words, "data.streaming=true", cwd=tmp_path)
    assert alone.returncode == both.returncode == streamed.returncode == 0, both.stderr
    assert both.stdout.count("test accuracy") == 1
    assert both.stdout.count("epoch 2/2") == 1
    runs = tmp_path / "runs"
    assert losses(runs / "two") == pytest.approx(losses(runs / "alone"), rel=1e-3)
    assert {p.name for p in (runs / "two").iterdir()} == {
        p.name for p in (runs / "alone").iterdir()
    }
    assert sorted(p.name for p in runs.iterdir()) == ["alone", "streamed", "two"]
    weights = [(runs / name / "model.safetensors").read_bytes() for name in ("two", "streamed")]
    assert weights[0] == weights[1]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs POSIX")
def test_a_killed_worker_ends_the_job_and_another_number_goes_on(tmp_path):
    many = [change.replace("epochs=2", "epochs=4000") for change in CHANGES]
    words = ["train", "digits-loopy", "--devices", "2", "--run", "two", "--set", *many]
    job = subprocess.Popen([*LOOPYNET, *words], cwd=tmp_path, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    folder = tmp_path / "runs" / "two" / "checkpoints"
    deadline = time.monotonic() + 120
    while not [*folder.glob("step-*.ckpt")] and time.monotonic() < deadline:
        time.sleep(0.05)
    (worker,) = _children(job.pid)
    os.kill(worker, signal.SIGKILL)
    assert job.wait(timeout=60) != 0
    assert not _alive(worker)
    config = tmp_path / "runs" / "two" / "config.yaml"
    done = max(int(file.name.split("-")[1]) for file in folder.glob("step-*.ckpt")) // 10
    config.write_text(config.read_text().replace("epochs: 4000", f"epochs: {done + 1}"))
    again = run("resume", "two", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert f"epoch {done + 1}/{done + 1}" in again.stdout


def _children(pid):
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True,
                          check=True)  # fmt: skip
    return [int(word) for word in done.stdout.split()]


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return open(f"/proc/{pid}/stat").read().split()[2] != "Z"  # noqa: PTH123

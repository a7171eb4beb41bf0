"""Training on images that stay on the disk: the same bits, and less memory."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest
import torch
from PIL import Image

from data.tiny_data import png, write_images, write_parquet
from loopynet.data import StreamedImages
from loopynet.run import RunFolder, evaluate
from loopynet.training import resume, train
from loopynet.training.module import LoopyModule
from loopynet.training.repeat import compare_runs
from training.small_runs import small_spec

STREAMED = "data.streaming=true"
WAYS = ("training.augmentation=[{type: crop, padding: 1}]", "training.checkpoint_every=3",
        "training.batch_size=16", "training.keep=best", "data.standardize=pixel")  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    write_images(tmp_path / "set", {str(number): 12 for number in range(10)})
    return f"data.name={tmp_path / 'set'}"


class KilledError(Exception):
    """The process is gone."""


def test_a_run_that_streams_has_the_bits_of_one_that_does_not(folder, tmp_path, monkeypatch):
    """Also if it is killed within an epoch and goes on."""
    held = train(small_spec(*WAYS, folder), str(tmp_path / "held")).run
    spec = small_spec(*WAYS, folder, STREAMED)
    assert compare_runs(held, train(spec, str(tmp_path / "streamed")).run).equal
    step, begun = LoopyModule.training_step, []

    def killed(self, batch, index):
        begun.append(index)
        if len(begun) == 11:  # of 6 in an epoch
            raise KilledError
        return step(self, batch, index)

    monkeypatch.setattr(LoopyModule, "training_step", killed)
    with pytest.raises(KilledError):
        train(spec, str(tmp_path / "killed"))
    again = resume(RunFolder(tmp_path / "killed")).run
    assert compare_runs(held, again).equal
    assert len(begun) < 11 + 2 * 6


def test_a_run_that_goes_on_is_not_fitted_to_its_images_again(folder, tmp_path, monkeypatch):
    done = train(small_spec(*WAYS, folder, STREAMED, "training.epochs=1"), str(tmp_path / "run"))
    monkeypatch.setattr(StreamedImages, "parts", None)
    data = done.run.data()
    assert torch.equal(data.preprocessing.mean, done.run.preprocessing().mean)
    found = evaluate(done.run.network(), data.test, data.preprocessing)
    assert found.plain() == done.test.plain()


COUNT, SIDE, LIMIT = 42_000, 64, 400 * 2**20  # 492 MiB once decoded
LARGE = dedent("""
    import resource, sys
    from loopynet import DataError, load_spec
    from loopynet.training import train
    import datasets, kornia, lightning, sklearn, torchmetrics  # not part of what is limited

    limit, *changes = sys.argv[1:]
    with open("/proc/self/status") as file:
        held = next(int(line.split()[1]) for line in file if line.startswith("VmData")) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (held + int(limit),) * 2)
    try:
        train(load_spec("digits-loopy", changes), "./held")
    except DataError as error:
        print(error)
    train(load_spec("digits-loopy", [*changes, "data.streaming=true"]), "./streamed")
""")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_DATA")
def test_a_set_larger_than_the_memory_of_the_process(tmp_path):
    """Its images are of one color each: small on the disk, and large once decoded."""
    shades = [png(Image.new("RGB", (SIDE, SIDE), (i, 255 - i, 2 * i))) for i in range(100)]
    images = [shades[i % 100] for i in range(COUNT)]
    write_parquet(tmp_path / "set" / "train.parquet", images, [i % 10 for i in range(COUNT)], None)
    changes = ["data.name=./set", f"input.shape=[3, {SIDE}, {SIDE}]", "layers.conv_1.stride=16",
               "training.epochs=1", "training.batch_size=64"]  # fmt: skip
    threads = {"OMP_NUM_THREADS": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(LIMIT), *changes], cwd=tmp_path, text=True,
        env={**os.environ, **threads}, capture_output=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'the 42,000 images of "set" need 492.2 MiB in memory' in done.stdout
    assert "write data.streaming: true" in done.stdout
    assert RunFolder(tmp_path / "streamed").results()["test"]["images"] == 6300

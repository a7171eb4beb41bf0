"""Runs that are killed, or whose disk is full, end as if nothing had been."""

import importlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import loopynet.run.checkpoints
import loopynet.run.folder
from loopynet.foreign import write_whole
from loopynet.run import RunFolder
from loopynet.training import resume, train
from loopynet.training.repeat import compare_runs
from training.small_runs import small_spec

CAMPAIGNS = Path(__file__).parents[2] / "benchmarks" / "reliability"


@pytest.fixture
def kills(monkeypatch):
    monkeypatch.syspath_prepend(CAMPAIGNS)
    yield importlib.import_module("kills")
    sys.modules.pop("kills", None)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs POSIX signals")
def test_a_run_that_is_killed_again_and_again(kills, tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    subprocess.run(kills.train_command(alone, 12, 0), check=True, capture_output=True)
    sent = kills.killed_run(killed, 12, 0, 3, random.Random(1))
    assert sent
    assert compare_runs(RunFolder(alone), RunFolder(killed)).equal


class PowerCutError(Exception):
    """The process is gone."""


def test_the_power_may_be_cut_at_every_write(tmp_path, monkeypatch):
    """The n-th file is not written, or only as a partial one; for every n, the rest is the same."""
    changes = ("training.epochs=2", "training.keep=best",
               "data.split={train: 200, validation: 100, test: 100}")  # fmt: skip
    spec = small_spec(*changes)
    alone = train(spec, str(tmp_path / "alone")).run
    n, ended = 0, False
    while not ended:
        n += 1
        left = n

        def cut(path, content):
            nonlocal left
            left -= 1
            if left == 0:
                path.with_name(f".{path.name}.partial").write_bytes(b"half")
                raise PowerCutError
            write_whole(path, content)

        with monkeypatch.context() as patch:
            for module in (loopynet.run.folder, loopynet.run.checkpoints):
                patch.setattr(module, "write_whole", cut)
            try:
                train(spec, str(tmp_path / f"cut-{n}"))
                ended = True
            except PowerCutError:
                pass
        run = RunFolder(tmp_path / f"cut-{n}")
        if not ended and (run.path / "config.yaml").is_file():
            resume(run)
            assert compare_runs(alone, run).equal, n
    assert n > 10


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 400 KB; yields its folder and a function that makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False) if sys.platform == "linux" else 1
    if done == 1 or done.returncode:
        pytest.skip("no right to mount a small file system")
    yield (
        folder,
        lambda: subprocess.run(["mount", "-o", "remount,size=40m", str(folder)], check=True),
    )
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_the_run_goes_on(kills, small_disk, tmp_path):
    disk, enlarge = small_disk
    alone, full = tmp_path / "alone", disk / "run"
    words = kills.train_command(full, 4, 0)
    subprocess.run(kills.train_command(alone, 4, 0), check=True, capture_output=True)
    filler = disk / "filler"
    need = sum(f.stat().st_size for f in (alone / "checkpoints").iterdir())
    filler.write_bytes(b"x" * (400_000 - need - 60_000))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    kills.assert_whole(full)
    enlarge()
    subprocess.run(kills.command("resume", str(full)), check=True, capture_output=True)
    assert compare_runs(RunFolder(alone), RunFolder(full)).equal

"""Runs that were killed within an epoch, and go on from a checkpoint within it."""

import pytest
import torch

from loopynet import RunError
from loopynet.run import RunFolder
from loopynet.training import resume, train
from loopynet.training.module import LoopyModule
from loopynet.training.repeat import compare_runs
from training.small_runs import small_spec

BASE = ("data.split={train: 320, validation: 60, test: 60}", "training.checkpoint_every=3")
RANDOM = "layers.pool={type: dropout, rate: 0.3}"
AUGMENTED = "training.augmentation=[{type: crop, padding: 1}]"
WAYS = {
    "plain": (),
    "random numbers": (RANDOM, AUGMENTED, "training.unrolls=random", "loss.progressive=0.5"),
    "schedules": ("training.learning_rate_schedule=cosine", "training.schedule_every=step",
                  "training.warmup_epochs=1", "training.average=0.9", "training.keep=best"),
    "plateau": ("training.learning_rate_schedule={type: plateau, factor: 0.1, patience: 1}",
                "training.learning_rate=0.3"),
    "early stopping": ("training.early_stopping={patience: 1}", "training.learning_rate=0.1"),
    "muon": ("training.optimizer=muon", "norm={type: batch, over_time: per_step}",
             "training.whiten=conv_1"),
    "frozen": ("training.freeze=[conv_1]", "training.optimizer=sgd"),
    "published windows": ("training.protocol=published", "training.nonfinite=skip"),
}  # fmt: skip


class KilledError(Exception):
    """The process is gone."""


def watch_steps(monkeypatch, last=None):
    """Return a list that gets the number of each training step; the n-th, if given, is a kill."""
    step, begun = LoopyModule.training_step, []

    def training_step(self, batch, index):
        begun.append(index)
        if len(begun) == last:
            raise KilledError
        return step(self, batch, index)

    monkeypatch.setattr(LoopyModule, "training_step", training_step)
    return begun


@pytest.mark.parametrize("way", WAYS)
def test_a_run_killed_within_an_epoch_ends_with_the_same_bits(way, tmp_path, monkeypatch):
    spec = small_spec(*BASE, *WAYS[way])
    alone = train(spec, str(tmp_path / "alone"))
    with monkeypatch.context() as patch:
        watch_steps(patch, 15)  # within the second epoch
        with pytest.raises(KilledError):
            train(spec, str(tmp_path / "killed"))
    killed = RunFolder(tmp_path / "killed")
    steps = watch_steps(monkeypatch)
    done = resume(killed)
    assert steps[0] == 3
    assert compare_runs(alone.run, done.run).equal
    assert done.stopped_early == alone.stopped_early


def test_several_kills_in_one_epoch_and_one_at_its_end(tmp_path, monkeypatch):
    spec = small_spec(*BASE, RANDOM, AUGMENTED)
    alone = train(spec, str(tmp_path / "alone")).run
    killed = RunFolder(tmp_path / "killed")
    for number, way in ((5, train), (5, resume), (5, resume), (1, resume), (8, resume)):
        with monkeypatch.context() as patch:
            watch_steps(patch, number)
            with pytest.raises(KilledError):
                train(spec, str(killed.path)) if way is train else resume(killed)
    resume(killed)
    assert compare_runs(alone, killed).equal


def test_the_random_numbers_begin_anew_at_a_checkpoint(tmp_path):
    """So that the spec's number of steps is part of what a run is."""
    plain = small_spec(BASE[0], RANDOM)
    runs = [train(plain, str(tmp_path / "plain")).run]
    for every in (3, 20):  # the second is longer than an epoch
        spec = small_spec(BASE[0], RANDOM, f"training.checkpoint_every={every}")
        runs.append(train(spec, str(tmp_path / str(every))).run)
    weights = [run.read_tensors("model.safetensors")["layers.conv_1.op.weight"] for run in runs]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


def test_a_config_that_was_changed_since_is_refused(tmp_path):
    """A checkpoint brings its own learning rate, schedule and weights along."""
    run = train(small_spec(BASE[0], "training.epochs=1"), str(tmp_path / "run"), score=()).run
    (run.path / "results.json").unlink()
    config = run.path / "config.yaml"
    text = config.read_text()
    for old, new, said in (
        (
            "learning_rate: 0.001",
            "learning_rate: 0.5",
            "training.learning_rate is 0.5, and .* 0.001",
        ),
        ("filters: 8", "filters: 6", "layers.conv_1.filters is 6"),
        ("learning_rate_schedule: constant", "learning_rate_schedule: cosine", "schedule is"),
    ):
        assert old in text
        config.write_text(text.replace(old, new))
        with pytest.raises(RunError, match=said):
            resume(run)
    config.write_text(text.replace("epochs: 1,", "epochs: 2,").replace("keep: last", "keep: best"))
    assert len(resume(run).run.metrics.read_text().splitlines()) == 3

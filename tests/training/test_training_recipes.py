"""Recipes, the rate at every step, decay without norms, averaged weights."""

import csv

import pytest
import torch

from loopynet import LoopyNet, SpecError, load_spec, parse_spec
from loopynet.run import RunFolder
from loopynet.spec import to_yaml
from loopynet.spec.recipes import recipes
from loopynet.training import resume, train
from loopynet.training.averaging import AverageWeights
from loopynet.training.module import build_schedule
from loopynet.training.speed import build_optimizer
from training.small_runs import small_spec


def test_what_is_written_comes_before_the_recipe():
    spec = load_spec("digits-loopy", ("training={recipe: modern, learning_rate: 0.05}",))
    assert spec.training.learning_rate == 0.05
    assert spec.training.label_smoothing == recipes.get("modern").values["label_smoothing"]
    assert spec.training.optimizer.options["nesterov"] is True
    assert parse_spec(to_yaml(spec, resolved=True)).training == spec.training


def test_the_published_recipe_is_the_defaults():
    plain = load_spec("digits-loopy", ("training={}",)).training
    named = load_spec("digits-loopy", ("training={recipe: published}",)).training
    assert named.model_copy(update={"recipe": None}) == plain


def test_an_unknown_recipe_is_named():
    with pytest.raises(SpecError, match=r'no recipe "modem".*modern'):
        load_spec("digits-loopy", ("training.recipe=modem",))


def test_a_schedule_of_epochs_does_not_go_by_steps():
    with pytest.raises(SpecError, match=r"training\.schedule_every.*plateau counts epochs"):
        load_spec(
            "digits-loopy",
            ("training.learning_rate_schedule=plateau", "training.schedule_every=step"),
        )


def rates(options, each):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], options.learning_rate)
    schedule = build_schedule(options, optimizer, each)
    found = []
    for _ in range(each * options.epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_steps_of_a_schedule_lie_between_those_of_epochs(name):
    changes = (f"training.learning_rate_schedule={name}", "training.epochs=5")
    options = load_spec("digits-loopy", changes).training
    fine, coarse = rates(options, 10), rates(options, 1)
    assert fine[::10] == pytest.approx(coarse)
    assert fine == sorted(fine, reverse=True)
    assert len(set(fine)) == 50


def test_decay_leaves_norms_and_biases():
    changes = ("training.optimizer={type: sgd, weight_decay: 0.5}", "training.decay=weights")
    net = LoopyNet(load_spec("cifar10-loopy", changes))
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    optimizer = build_optimizer(net, fused=False)
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    changed = {name for name, p in net.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {name for name in before if name.endswith(".op.weight")}
    assert any(".norm." in name for name in before)


def test_an_average_is_that_by_hand():
    callback = AverageWeights(0.5)
    past, new = [torch.zeros(2), torch.tensor(3)], [torch.ones(2), torch.tensor(7)]
    callback._kwargs["multi_avg_fn"](past, new, 0)
    assert torch.equal(past[0], torch.full((2,), 0.9))  # (1 + 0) / (10 + 0) of the past
    assert past[1] == 7
    callback._kwargs["multi_avg_fn"](past, new, 100)
    assert torch.allclose(past[0], torch.full((2,), 0.95))


def test_validation_and_the_kept_weights_are_averages(tmp_path):
    # With all weight on the past nothing of training arrives after the first steps.
    spec = small_spec("training.average=0.99", "training.keep=best", "training.epochs=2")
    run = train(spec, str(tmp_path / "a")).run
    plain = train(small_spec("training.keep=best", "training.epochs=2"), str(tmp_path / "b")).run
    ours, theirs = (r.read_tensors("model.safetensors") for r in (run, plain))
    assert any(not torch.equal(ours[key], theirs[key]) for key in ours)
    rows = list(csv.DictReader(run.metrics.open()))
    best = max(float(row["validation_accuracy"]) for row in rows)
    assert run.read_json("results.json")["validation"]["accuracy"] == pytest.approx(best, abs=1e-6)


def test_an_averaged_run_is_continued_exactly(tmp_path):
    changes = ("training.recipe=modern", "training.average=0.9", "training.learning_rate=0.05")
    whole = train(small_spec(*changes), str(tmp_path / "whole")).run
    stopped = str(tmp_path / "stopped")

    def stop(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    train(small_spec(*changes), stopped, say=stop)
    resume(RunFolder.open(stopped))
    again = RunFolder.open(stopped)
    ours, theirs = (r.read_tensors("model.safetensors") for r in (whole, again))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_an_averaged_run_killed_before_its_results_still_has_the_average(tmp_path):
    run = train(small_spec("training.average=0.9", "training.epochs=1"), str(tmp_path / "run")).run
    before = run.read_tensors("model.safetensors")
    (run.path / "results.json").unlink()
    resume(run)
    after = run.read_tensors("model.safetensors")
    assert all(torch.equal(before[key], after[key]) for key in before)

"""Frozen layers, weights of another run, and an evolution strategy."""

import pytest
import torch

from loopynet import RunError, SpecError
from loopynet.modules.evolution import Evolution
from loopynet.run import RunFolder
from loopynet.training import resume, train
from training.small_runs import small_spec

NORMED = ("norm={type: batch, over_time: per_step}", "training.epochs=1")


def weights(run):
    return run.read_tensors("model.safetensors")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return train(small_spec(*NORMED), str(tmp_path_factory.mktemp("first") / "run")).run


def test_frozen_layers_stay_and_others_learn(first, tmp_path):
    start = ("training.seed=5", f"training.weights={first.path}", "training.freeze=[conv_1, fc_1]")
    run = train(small_spec(*NORMED, *start), str(tmp_path / "run")).run
    before, after = weights(first), weights(run)
    stayed = {key for key in before if torch.equal(before[key], after[key])}
    frozen = {key for key in before if key.split(".")[1] in ("conv_1", "fc_1")}
    assert frozen <= stayed
    assert any(key.endswith("running_mean") for key in frozen)
    moved = {key for key in before if key.split(".")[1] in ("conv_2", "conv_3")}
    assert moved
    assert moved & stayed == set()


def test_a_frozen_run_is_continued_exactly_without_the_first_run(first, tmp_path):
    changes = ("training.epochs=3", "training.freeze=[conv_1]", f"training.weights={first.path}")
    spec = small_spec(NORMED[0], *changes)
    whole = train(spec, str(tmp_path / "whole")).run

    def stop(line):
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    train(spec, str(tmp_path / "stopped"), say=stop)
    again = RunFolder.open(tmp_path / "stopped")
    gone = again.path / "config.yaml"
    gone.write_text(gone.read_text().replace(str(first.path), "nowhere"))
    resume(again)
    ours, theirs = weights(whole), weights(again)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("training.freeze=[conv_9]",), r'training\.freeze.*no layer "conv_9"'),
        (("training.freeze=[main]",), "leaves nothing to train"),
        (("training.weights=nowhere",), '"nowhere" is no run folder'),
        (
            ("training.optimizer=evolution", "training.warmup_epochs=1"),
            "does not go with the optimizer evolution",
        ),
    ],
)
def test_what_cannot_be_is_refused(changes, said, tmp_path):
    with pytest.raises((SpecError, RunError), match=said):
        train(small_spec(*changes), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_weights_of_another_shape_are_refused(first, tmp_path):
    spec = small_spec(f"training.weights={first.path}", "layers.conv_2.filters=4", NORMED[0])
    with pytest.raises(RunError, match=r"conv_2.*training\.weights starts needs"):
        train(spec, str(tmp_path / "run"))


def bowl(seed):
    torch.manual_seed(seed)
    weight = torch.nn.Parameter(torch.zeros(3, 2, dtype=torch.float64))
    target = torch.arange(6, dtype=torch.float64).view(3, 2) / 3
    return (
        weight,
        Evolution([weight], 0.3, 12),
        lambda: float((weight.detach() - target).square().sum()),
    )


def test_evolution_finds_the_lowest_point():
    pytest.importorskip("cma")
    _, optimizer, loss = bowl(0)
    first = optimizer.step(loss)
    for _ in range(150):
        last = optimizer.step(loss)
    assert last < 1e-6 * first
    assert loss() < 1e-6


def test_a_state_goes_on_as_if_nothing_had_been():
    pytest.importorskip("cma")
    weight, optimizer, loss = bowl(0)
    for _ in range(7):
        optimizer.step(loss)
    other, again, its_loss = bowl(1)
    again.load_state_dict(optimizer.state_dict())
    for _ in range(5):
        assert optimizer.step(loss) == again.step(its_loss)
    assert torch.equal(weight, other)


def test_all_of_a_population_meet_the_same_chance():
    pytest.importorskip("cma")
    weight, optimizer, _ = bowl(0)
    drawn = []
    optimizer.step(
        lambda: drawn.append(float(torch.rand(()))) or float(weight.detach().square().sum())
    )
    assert len(drawn) == 12
    assert len(set(drawn)) == 1


def test_evolution_trains_in_a_run_and_is_continued_exactly(first, tmp_path):
    pytest.importorskip("cma")
    changes = (
        NORMED[0],
        f"training.weights={first.path}",
        "training.freeze=[conv_1, conv_2]",
        "training.optimizer={type: evolution, population: 6}",
        "training.epochs=2",
        "training.learning_rate=0.01",
        "data.split={train: 320, validation: 100, test: 100}",
    )
    spec = small_spec(*changes)
    whole = train(spec, str(tmp_path / "whole")).run
    before, after = weights(first), weights(whole)
    assert torch.equal(before["layers.conv_2.op.weight"], after["layers.conv_2.op.weight"])
    assert not torch.equal(before["layers.fc_1.op.weight"], after["layers.fc_1.op.weight"])

    def stop(line):
        raise KeyboardInterrupt

    train(spec, str(tmp_path / "stopped"), say=stop)
    resume(RunFolder.open(tmp_path / "stopped"))
    theirs = weights(RunFolder.open(tmp_path / "stopped"))
    assert all(torch.equal(after[key], theirs[key]) for key in after)

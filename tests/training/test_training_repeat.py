"""A run that is run again gives the same bits, and what differs is said."""

import json

import pytest
import torch
from safetensors.torch import save_file

from loopynet import RunError
from loopynet.cli.main import main
from loopynet.run import RunFolder
from loopynet.training import repeat, train
from loopynet.training.repeat import compare_runs
from training.small_runs import small_spec


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeat")
    run = train(small_spec("training.epochs=2"), str(folder / "first")).run
    return run, repeat(run)


def test_the_same_bits_come_out(pair):
    _, found = pair
    assert found.equal
    assert found.run.path.name == "first-repeat"
    assert found.lines() == ["the same: every weight, every figure of every epoch, every score"]


def test_what_differs_is_said(pair, tmp_path):
    run, _ = pair
    other = RunFolder(tmp_path)
    for name in ("metrics.csv", "results.json", "environment.json"):
        (tmp_path / name).write_text((run.path / name).read_text())
    weights = run.read_tensors("model.safetensors")
    weights["layers.conv_1.op.weight"] = weights["layers.conv_1.op.weight"] + 0.25
    save_file(weights, tmp_path / "model.safetensors")
    rows = run.metrics.read_text().splitlines()
    (tmp_path / "metrics.csv").write_text("\n".join([*rows[:2], rows[2].replace("2,", "2,9", 1)]))
    environment = json.loads((tmp_path / "environment.json").read_text())
    environment["packages"]["torch"] = "1.0"
    (tmp_path / "environment.json").write_text(json.dumps(environment))
    changed = compare_runs(run, other)
    assert not changed.equal
    assert changed.weights == {"layers.conv_1.op.weight": pytest.approx(0.25)}
    assert set(changed.metrics.values()) == {2}
    assert changed.environment == {"torch": (torch.__version__, "1.0")}
    assert f"torch: {torch.__version__} then, 1.0 now" in changed.lines()


def test_an_unfinished_run_is_refused(tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    run = train(small_spec("training.epochs=1"), str(tmp_path / "run"), say=interrupt).run
    with pytest.raises(RunError, match="was interrupted"):
        repeat(run)


def test_the_command(pair, capsys):
    run, _ = pair
    assert main(["repeat", str(run.path), "--into", str(run.path.parent / "third")]) == 0
    assert "the same: every weight" in capsys.readouterr().out


def test_what_is_repeated_of_the_zoo_is_not_written_into_the_package(tmp_path, monkeypatch):
    import importlib

    module = importlib.import_module("loopynet.training.repeat")
    asked = []

    def stop(_, path, **__):
        asked.append(path)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        repeat(RunFolder.open("mnist-loopy"))
    assert asked == [str(tmp_path / "runs" / "mnist-loopy-repeat")]

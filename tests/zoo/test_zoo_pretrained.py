"""The trained networks of the zoo: their weights, and the figures that stand beside them."""

import json
import os
from pathlib import Path

import pytest
import torch

from loopynet import LoopyNet, RunError, SpecError, load_spec, pretrained_names
from loopynet.cli.main import main
from loopynet.data import load_data
from loopynet.run import RunFolder, evaluate
from loopynet.spec.write import resolved_document

NAMES = pretrained_names()
real_data = pytest.mark.skipif(not os.environ.get("LOOPYNET_DATA"), reason="needs LOOPYNET_DATA")


def test_the_trained_networks_are_there():
    assert {"cifar10-exits", "cifar10-loopy", "cifar10-loop-mul", "mnist-loopy"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_architecture_is_the_zoo_s(name):
    net = LoopyNet.pretrained(name)
    ours, zoo = (resolved_document(spec) for spec in (net.spec, load_spec(name)))
    for key in ("layers", "main", "loops", "unroll", "norm"):
        assert ours[key] == zoo[key]
    assert not net.training
    assert all(tensor.isfinite().all() for tensor in net.state_dict().values())


@real_data
@pytest.mark.parametrize("name", NAMES)
def test_the_weights_give_the_answers_that_the_run_recorded(name):
    run = RunFolder.open(name)
    net = run.network()
    data = load_data(net.spec.data, net.graph.input_shape, net.graph.output_shape[0])
    answers = run.read_tensors("answers.safetensors")
    first = data.test.first(500)
    found = evaluate(net, first, run.preprocessing())
    assert torch.equal(first.labels, answers["labels"][:500].long())
    same = (found.answers.predicted == answers["predicted"][:, :500].long()).double().mean()
    assert same > 0.998  # another processor may round a close call the other way


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_accuracy_is_that_of_the_recorded_answers(name):
    run = RunFolder.open(name)
    answers, results = run.read_tensors("answers.safetensors"), run.read_json("results.json")
    right = answers["predicted"][-1] == answers["labels"]
    assert float(right.double().mean()) == pytest.approx(results["test"]["accuracy"], abs=1e-9)
    assert run.read_json("environment.json")["packages"]["torch"]
    assert json.dumps(run.read_json("data.json"))
    assert run.metrics.is_file()


def test_other_names_are_refused_with_those_there_are():
    with pytest.raises(SpecError, match='Did you mean "mnist-loopy"'):
        LoopyNet.pretrained("mnist-lopy")
    with pytest.raises(SpecError, match='no trained weights come with "cifar10-vanilla"'):
        LoopyNet.pretrained("cifar10-vanilla")
    with pytest.raises(RunError, match="trained zoo entries: cifar10-exits, cifar10-loop"):
        RunFolder.open("nothing-of-this-name")


def test_nothing_is_written_into_the_package(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert RunFolder.open("mnist-loopy").outputs == Path("runs/mnist-loopy")
    assert RunFolder(tmp_path / "mnist-loopy").outputs == tmp_path / "mnist-loopy"
    assert main(["report", "mnist-loopy"]) == 1
    assert "is a trained zoo entry" in capsys.readouterr().err

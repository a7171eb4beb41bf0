"""The model card says what the run's files say."""

from __future__ import annotations

import warnings

import pytest
import torch
import yaml
from huggingface_hub import ModelCard

from loopynet import LoopyNet, load_spec, parse_spec
from loopynet.describe import draw_text
from loopynet.hub import model_card
from loopynet.run import RunFolder


@pytest.fixture(scope="module")
def card() -> ModelCard:
    run = RunFolder.open("mnist-loopy")
    return model_card(run.network(), run, "someone/mnist")


def test_the_metadata_is_the_hubs(card: ModelCard) -> None:
    data = yaml.safe_load(str(card).split("---\n")[1])
    assert data["library_name"] == "loopynet"
    assert data["pipeline_tag"] == "image-classification"
    assert data["datasets"] == ["mnist"]
    (result,) = data["model-index"][0]["results"]
    wanted = RunFolder.open("mnist-loopy").read_json("results.json")["test"]["accuracy"]
    assert result["metrics"][0]["value"] == wanted


def test_it_has_drawing_data_figures_and_limits(card: ModelCard) -> None:
    text = card.text
    net = LoopyNet.pretrained("mnist-loopy")
    assert draw_text(net.graph) in text
    assert 'from_pretrained("someone/mnist")' in text
    assert "mnist: 40,000 for train, 10,000 for validation, 10,000 for test." in text
    assert "| 10,000 test | 3 | 97.98 % | 0.0733 |" in text
    assert "| 10,000 test | 1 | 34.76 % | 5.8379 |" in text
    assert "exactly [1, 28, 28]" in text
    assert "Only the last unroll was trained to answer" in text
    parameters = sum(p.numel() for p in net.parameters())
    assert f"{parameters:,} parameters" in text


def test_the_spec_in_it_is_the_network(card: ModelCard) -> None:
    text = card.text.split("```yaml\n")[1].split("```")[0]
    assert parse_spec(text) == LoopyNet.pretrained("mnist-loopy").spec


def test_sections_are_not_said_to_run_as_often_as_the_whole_network() -> None:
    text = model_card(LoopyNet.from_yaml("rcnn")).text
    assert "4 feedback loops, run 4, 4, 4 and 4 times in sections one after another with" in text
    assert 'readout="each")  # of every unroll from 13 on' in text


def test_without_a_run_it_claims_nothing() -> None:
    card = model_card(LoopyNet.from_yaml("digits-loopy"))
    assert "model-index" not in str(card)
    assert "datasets" not in str(card).split("---\n")[1]
    assert "None: it was not evaluated." in card.text
    assert "Nothing is known of the data" in card.text


def test_it_says_how_many_epochs_were_trained_and_how_to_read_the_last_unroll() -> None:
    run = RunFolder.open("cifar10-exits")
    text = model_card(run.network(), run).text  # it ran half of the epochs of its spec
    assert "4 of 8 epochs, seed 0." in text
    assert 'net(x, readout="last")  # of the last unroll' in text  # the spec reads each


def test_a_network_that_runs_to_convergence_has_an_example_that_runs() -> None:
    changes = ("norm={type: group, over_time: shared}", "unroll.until=converged")
    spec = load_spec("digits-loopy", (*changes, "unroll.max_steps=3", "training.gradient=implicit"))
    net = LoopyNet(spec).eval()
    text = model_card(net).text
    calls = [line.split("#")[0] for line in text.splitlines() if " = net(x" in line]
    assert len(calls) == 2
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        exec("\n".join(calls), {"net": net, "x": torch.rand(2, 1, 8, 8)})
    assert "when its loops have settled" in text

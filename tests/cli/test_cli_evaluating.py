"""`loopynet evaluate --early-exit`: a threshold from validation images, judged on test images."""

import json

import pytest

from loopynet import load_spec
from loopynet.cli.main import main
from loopynet.report.early_exit import EarlyExit
from loopynet.training import train

CHANGES = ("name=small", "training.epochs=2", "readout=each", "loss={steps: all}",
           "layers.conv_1.filters=8", "layers.conv_2.filters=8", "layers.conv_3.filters=8",
           "data.split={train: 600, validation: 300, test: 200}")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("exits") / "run"
    return str(train(load_spec("digits-loopy", CHANGES), str(path)).run.path)


def test_the_choice_is_printed_and_kept(run, tmp_path, capsys):
    out = tmp_path / "kept"
    assert main(["evaluate", run, "--early-exit", "--lost", "1.5", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    data = json.loads((out / "early-exit.json").read_text())
    found = EarlyExit.from_plain(data)
    assert (found.network, found.unrolls, found.lost) == ("small", 3, 0.015)
    assert (found.validation.images, found.chosen.images) == (300, 200)
    assert found.validation.accuracy >= found.validation.all_unrolls - 0.015
    assert found.chosen.mean_unrolls < 3
    assert (out / "early-exit.md").read_text() in printed
    assert (out / "early-exit.png").read_bytes().startswith(b"\x89PNG")
    accuracy = f"test accuracy {100 * found.chosen.all_unrolls:.2f} %"
    assert accuracy in printed  # of the same network, from `evaluate` itself


def test_a_threshold_is_not_judged_on_the_images_that_it_was_chosen_on(run, tmp_path, capsys):
    assert main(["evaluate", run, "--early-exit", "--split", "validation"]) == 0
    said = capsys.readouterr()
    assert "confident=0.9" in said.out
    assert "cannot be judged on them" in said.err
    words = ["evaluate", run, "--early-exit", "--unrolls", "2", "--out", str(tmp_path / "no")]
    assert main(words) == 1
    assert "belongs to the unrolls of the spec" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_rules_that_are_named_are_timed(run, capsys):
    assert main(["evaluate", run, "--stop", "confident=0.8", "agreed=2"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = {line[1]: line for line in lines if len(line) > 1 and line[0] == "│"}
    assert {"all", "confident=0.8", "agreed=2"} <= set(rows)


@pytest.mark.filterwarnings("ignore:running 5 unrolls")
def test_rules_run_as_many_unrolls_as_are_asked_for(run, capsys):
    assert main(["evaluate", run, "--unrolls", "5", "--stop", "confident=1"]) == 0
    lines = [line.split("│") for line in capsys.readouterr().out.splitlines()]
    rows = {line[1].strip(): float(line[2]) for line in lines[1:] if len(line) > 2}
    assert rows["all unrolls"] == rows["confident=1"] == 5
    assert main(["evaluate", run, "--unrolls", "5", "--stop", "converged=0.1"]) == 1
    assert "leave --unrolls out" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--lost", "-1"], ["--lost", "much"], ["--lost", "101"]])
def test_wrong_points_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "first", "--early-exit", *words])
    assert "is no number of points" in capsys.readouterr().err


def test_a_folder_alone_is_refused(run, capsys):
    assert main(["evaluate", run, "--out", "x"]) == 1
    assert "give both" in capsys.readouterr().err


def test_what_belongs_to_early_exit_is_refused_without_it(run, capsys):
    assert main(["evaluate", run, "--lost", "1"]) == 1
    assert "--lost" in capsys.readouterr().err


def test_a_fixed_point_has_one_answer(tmp_path, capsys):
    until = ("unroll={until: converged, steps: 20, contract: 0.5}", "training.gradient=implicit",
             "readout=last", "loss={steps: last}", "norm=none", "training.epochs=1")  # fmt: skip
    train(load_spec("digits-loopy", (*CHANGES, *until)), str(tmp_path / "settled"))
    assert main(["evaluate", str(tmp_path / "settled"), "--each"]) == 1
    assert "leave --each out" in capsys.readouterr().err

"""A search for hyper-parameters: what it draws, what it looks at, and how it goes on."""

import json

import pytest

from loopynet import DataError, LoopyNetError, SpecError, read_spec
from loopynet.cli.main import main
from loopynet.search import parse_space, search, search_table
from loopynet.search.space import Range, Values
from loopynet.training import train
from training.small_runs import small_spec

pytest.importorskip("optuna")
SMALL = ("training.epochs=2", "data.split={train: 300, validation: 200, test: 100}")
SPACE = ("training.learning_rate=log 0.0001..0.1", "unroll.steps=1..3")


def values(study):
    return [(t.state.name, t.user_attrs["values"]) for t in study.trials]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "one"
    said = []
    study = search(small_spec(*SMALL), parse_space(SPACE), folder, 7, said.append)
    return folder, study, said


def test_ranges_and_lists():
    space = parse_space(["a.b=1..4", "c=log 1e-3..0.1", "d=[{type: sgd, momentum: 0.9}, adam]"])
    assert space == {
        "a.b": Range(1, 4, log=False, whole=True),
        "c": Range(1e-3, 0.1, log=True, whole=False),
        "d": Values(("{type: sgd, momentum: 0.9}", "adam")),
    }


@pytest.mark.parametrize("word", ["a", "a=", "a=3", "a=[1]", "a=4..1", "a=log 0..1", "=1..2"])
def test_what_is_no_space_is_refused(word):
    with pytest.raises(LoopyNetError, match="--over"):
        parse_space([word])


def test_the_best_run_is_that_of_the_validation_images(found):
    folder, study, said = found
    assert len(said) == len(study.trials) == 7
    accuracies = {}
    for trial in study.trials:
        results = folder / f"run-{trial.number:04d}" / "results.json"
        if trial.state.name == "COMPLETE":
            kept = json.loads(results.read_text())
            assert kept["test"] is None
            assert trial.value == kept["validation"]["accuracy"]
            accuracies[trial.number] = trial.value
        else:
            assert not results.exists()
    assert study.best_value == max(accuracies.values())
    best = read_spec(folder / "best.yaml")
    drawn = study.best_trial.user_attrs["values"]
    assert best.training.learning_rate == float(drawn["training.learning_rate"])
    assert best.unroll.steps == int(drawn["unroll.steps"])
    assert search_table(study).splitlines()[2].split("|")[1].strip() == str(study.best_trial.number)


def test_a_report_of_a_run_without_test_figures_says_what_it_is(found, capsys):
    folder, study, _ = found
    assert main(["report", str(folder / f"run-{study.best_trial.number:04d}")]) == 1
    said = capsys.readouterr().err
    assert "has no figures of test images, as runs of a search have none; train " in said
    assert "damaged" not in said


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not(found, tmp_path, monkeypatch):
    calls = 0

    def killed(*words, **named):
        nonlocal calls
        calls += 1
        if calls == 4:
            raise SystemError("killed")
        return train(*words, **named)

    monkeypatch.setattr("loopynet.search.run.train", killed)
    with pytest.raises(SystemError):
        search(small_spec(*SMALL), parse_space(SPACE), tmp_path, 7)
    study = search(small_spec(*SMALL), parse_space(SPACE), tmp_path, 7)
    ended = [drawn for state, drawn in values(study) if state != "FAIL"]
    assert len(ended) == 7
    assert ended[:4] == [drawn for _, drawn in values(found[1])][:4]


def test_a_failed_run_does_not_end_the_search(tmp_path):
    space = parse_space(["training.batch_size=[16, -1]"])
    study = search(small_spec(*SMALL, "training.epochs=1"), space, tmp_path, 4)
    assert {t.state.name for t in study.trials} == {"FAIL", "COMPLETE"}
    assert "failed: " in search_table(study)


def test_it_needs_validation_images_and_its_own_folder(found, tmp_path):
    none = small_spec("training.epochs=1", "data.split={train: 100, test: 50}")
    with pytest.raises(LoopyNetError, match=r"data\.split gives none"):
        search(none, parse_space(SPACE), tmp_path, 1)
    with pytest.raises(LoopyNetError, match="another network or other values"):
        search(small_spec(*SMALL), parse_space(SPACE[:1]), found[0], 8)


def test_the_command(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--set", *SMALL, "training.epochs=1", "--over", "unroll.steps=1..2", "--trials", "2"]
    assert main(["search", "digits-loopy", *words, "--out", str(out)]) == 0
    assert "validation accuracy" in capsys.readouterr().out
    assert {"table.md", "best.yaml", "search.json"} <= {p.name for p in out.iterdir()}


ONE = (*SMALL, "training.epochs=1")


def test_a_key_that_is_none_is_refused_before_a_run_is_counted(tmp_path):
    with pytest.raises(SpecError, match='Did you mean "learning_rate"'):
        search(small_spec(*ONE), parse_space(["training.learning_rat=0.1..0.2"]), tmp_path, 2)
    assert not [*tmp_path.iterdir()]


def test_images_that_cannot_be_read_end_the_search_and_count_for_nothing(tmp_path):
    nowhere = small_spec("data={name: nowhere/images, split: {train: 10, validation: 5, test: 5}}")
    for _ in range(2):
        with pytest.raises(DataError):
            search(nowhere, parse_space(["unroll.steps=1..2"]), tmp_path, 1)


def test_values_that_were_drawn_before_are_not_trained_again(tmp_path):
    said = []
    space = parse_space(["unroll.steps=[1, 2]"])
    study = search(small_spec(*ONE), space, tmp_path, 4, said.append)
    assert len(study.trials) == 4
    assert len([*tmp_path.glob("run-*")]) == len({t.user_attrs["values"]["unroll.steps"]
                                                  for t in study.trials})  # fmt: skip
    assert any("the values of run 0" in line for line in said)


def test_a_run_stopped_by_hand_is_drawn_again(tmp_path, monkeypatch):
    import loopynet.search.run as module

    def stopped(spec, *_, **__):
        tried.append(spec.unroll.steps)
        raise KeyboardInterrupt

    tried, space = [], parse_space(["unroll.steps=1..9"])
    monkeypatch.setattr(module, "train", stopped)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            search(small_spec(*ONE), space, tmp_path, 1)
    assert len(set(tried)) == 1

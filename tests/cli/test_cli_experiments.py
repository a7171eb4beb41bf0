"""The options of compare and reproduce."""

import pytest

from loopynet import load_spec
from loopynet.cli.experiments import _step_times
from loopynet.cli.main import build_parser, main
from loopynet.compare import find_cells, grid
from loopynet.reproduce import EXPERIMENTS, Scale


@pytest.mark.parametrize(
    ("words", "quick"), [([], False), (["--full"], False), (["--quick"], True)]
)
def test_an_experiment_is_as_published_unless_asked_otherwise(words, quick):
    assert build_parser().parse_args(["reproduce", "fig8", *words]).quick is quick


def test_step_times_of_other_networks_are_not_used(tmp_path):
    def step_times(*words):
        parser = build_parser()
        options = parser.parse_args(["reproduce", "fig8", "--out", str(tmp_path), *words])
        scale = Scale(digits="digits" in words, batch_sizes=tuple(options.batch_size))
        folders = find_cells(tmp_path, EXPERIMENTS["fig8"].cells(scale))
        return _step_times(("cifar10-vanilla",), folders, options)

    digits = step_times("--data", "digits", "--batch-size", "4")
    assert digits == step_times("--data", "digits", "--batch-size", "4", "--no-run")
    assert step_times("--data", "digits", "--batch-size", "5", "--no-run") is None
    assert step_times("--batch-size", "4", "--no-run") is None
    assert step_times("--batch-size", "4").networks != digits.networks


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--vary", "unroll.steps", "1", "--vary", "unroll.steps", "2"], "given twice"),
        (["--batch-size", "5", "--vary", "training.batch_size", "32"], "given twice"),
        (["--baseline", "deep"], '"deep": is none of digits-loopy.'),
    ],
)
def test_what_cannot_be_compared_is_refused(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "digits-loopy", *words, "--no-run"]) == 1
    assert message in capsys.readouterr().err


def test_a_value_that_is_written_twice_is_one_setting():
    cells = grid([load_spec("digits-loopy")], {"training.batch_size": ["5", "32", "5"]}, seeds=2)
    assert [(c.settings["training.batch_size"], c.seed) for c in cells] == [
        ("5", 0), ("5", 1), ("32", 0), ("32", 1)
    ]  # fmt: skip


def test_a_table_of_nothing_is_written_into_a_new_folder(tmp_path):
    out = tmp_path / "new" / "folder"
    words = ["--data", "digits", "--batch-size", "4", "--no-run", "--out", str(out)]
    assert main(["reproduce", "fig8", *words]) == 0
    assert "not finished" in (out / "table.md").read_text()

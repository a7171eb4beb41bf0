"""The options of compare and reproduce."""

import pytest

from loopynet.cli.experiments import _step_times
from loopynet.cli.main import build_parser
from loopynet.compare import find_cells
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

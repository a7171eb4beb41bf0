"""The options of compare and reproduce."""

import pytest

from loopynet.cli.main import build_parser


@pytest.mark.parametrize(
    ("words", "quick"), [([], False), (["--full"], False), (["--quick"], True)]
)
def test_an_experiment_is_as_published_unless_asked_otherwise(words, quick):
    assert build_parser().parse_args(["reproduce", "fig8", *words]).quick is quick

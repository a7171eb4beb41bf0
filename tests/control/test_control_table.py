"""The table in docs/controls.md has the zoo's exact numbers, and its example is what is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopynet import load_spec, to_yaml, zoo_names
from loopynet.control import CONTROLS, control_table

PAGE = (Path(__file__).parents[2] / "docs" / "controls.md").read_text(encoding="utf-8")


def test_the_page_has_the_table_of_the_papers_networks() -> None:
    names = [name for name in zoo_names() if name.startswith(("cifar10", "mnist", "digits"))]
    assert control_table(map(load_spec, names)) in PAGE


def test_the_page_has_the_example() -> None:
    assert to_yaml(CONTROLS["same-multiply-adds"](load_spec("cifar10-loopy"))) in PAGE


@pytest.mark.parametrize("word", CONTROLS)
def test_the_page_has_each_control(word: str) -> None:
    assert f"\n## {word}\n" in PAGE


def test_a_network_without_loops_has_one_row() -> None:
    assert len(control_table([load_spec("cifar10-vanilla")]).splitlines()) == 3
    assert len(control_table([load_spec("mnist-loopy")]).splitlines()) == 7

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from loopynet.legacy import ImportedSpec, import_legacy, to_yaml

EXPECTED = """\
name: tiny
input: {shape: [3, 16, 17]}
templates:
  conv: {type: conv2d, size: 5, stride: 1, padding: 2, activation: relu, init: glorot_uniform}
  fc: {type: dense, activation: tanh, init: glorot_uniform}
layers:
  c1: {template: conv, filters: 11}
  c2: {template: conv, filters: 12}
  back: {template: conv, filters: 11, size: [7, 9], padding: [3, 4]}
  hidden: {template: fc, units: 40, norm: none}
  out: {template: fc, units: 10, activation: linear}
main: [c1, c2, hidden, out]
loops:
  way: {from: c2, to: c2, through: [back], merge: sum}
unroll: {steps: 3, tied: true, schedule: sequential}
norm: {type: batch, over_time: per_step}
"""


def test_layers_stand_on_a_line_each(loopy: str) -> None:
    text = to_yaml(import_legacy(loopy))
    comments, _, body = text.partition("name:")
    assert "name:" + body == EXPECTED
    assert all(line.startswith("# ") for line in comments.splitlines())
    assert all(len(line) <= 100 for line in text.splitlines())


def test_the_text_says_what_the_spec_says(loopy: str) -> None:
    imported = import_legacy(loopy)
    assert yaml.safe_load(to_yaml(imported)) == imported.spec


@pytest.mark.parametrize("name", ["on", "1e3", "0x1", "null", "12", "1.5", "y"])
def test_names_that_look_like_values_are_quoted(name: str) -> None:
    imported = ImportedSpec({"name": name, "main": [name]}, ())
    assert yaml.safe_load(to_yaml(imported)) == imported.spec


def test_repeated_values_are_written_out() -> None:
    shape = [1, 2]
    text = to_yaml(ImportedSpec({"layers": {"a": {"size": shape}, "b": {"size": shape}}}, ()))
    assert "&" not in text


@given(st.text(max_size=200))
def test_notes_cannot_leave_their_comment(name: str) -> None:
    document = {
        "framework": "lasagne",
        "layers": {"input": {"output_dim": 3}, name + ".": {"type": "dense", "output_dim": 2}},
        "stacks": {"m": {"type": "main", "structure": ["input", name + "."]}},
    }
    imported = import_legacy(repr(document))
    assert imported.notes
    assert yaml.safe_load(to_yaml(imported)) == imported.spec

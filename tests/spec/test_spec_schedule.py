"""When signals arrive, from the names of a spec alone."""

import pytest

from loopynet import parse_spec, to_yaml
from loopynet.spec.schedule import (
    chain_delays,
    first_readout,
    full_depth,
    loopy_section,
    skip_delay,
)
from reference.strategies import tiny

TEXT = """
input: {shape: [4]}
layers:
  stem: {type: dense, units: 4}
  a: {type: dense, units: 4}
  b: {type: dense, units: 4}
  c: {type: dense, units: 4}
  fc: {type: dense, units: 2}
main: [stem, a, b, c, fc]
loops: {back: {from: c, to: a}}
skips: {in: {from: a, to: c, delay: 2}, on: {from: a, to: fc}}
unroll: {steps: 6, schedule: parallel, delays: {c: 0}}
"""


def test_sections_and_delays():
    spec = tiny(TEXT)
    assert loopy_section(spec) == ("a", "b", "c")
    assert chain_delays(spec) == {"b": 1, "c": 0}
    assert [skip_delay(spec, skip) for skip in spec.skips.values()] == [2, 0]
    assert (full_depth(spec), first_readout(spec)) == (2, 2)


@pytest.mark.parametrize(
    ("unroll", "depth", "first"),
    [
        ({"steps": 6}, 1, 1),
        ({"steps": 6, "schedule": "parallel"}, 3, 3),
        ({"steps": 6, "schedule": "parallel", "initial": "zero"}, 3, 1),
        ({"steps": 6, "delays": {"b": 2}}, 3, 3),
        ({"steps": 1, "delays": {"b": 2}}, 3, 1),
    ],
)
def test_the_first_logits(unroll, depth, first):
    spec = tiny(TEXT, unroll=unroll)
    assert (full_depth(spec), first_readout(spec)) == (depth, first)


def test_without_loops_nothing_is_delayed():
    spec = tiny(TEXT, loops={}, skips={}, unroll={"steps": 6, "schedule": "parallel"})
    assert (loopy_section(spec), chain_delays(spec), first_readout(spec)) == ((), {}, 1)


def test_a_loop_without_ends_is_passed_over():
    spec = tiny(TEXT, loops={"back": {"from": "nowhere", "to": "a"}})
    assert loopy_section(spec) == ()


def test_weights_of_a_loss_are_one_for_each_logits():
    loss = {"readout": "each", "loss": {"steps": [1, 2, 3, 4, 5]}}
    assert tiny(TEXT, **loss).loss.steps == (1, 2, 3, 4, 5)


def test_delays_survive_writing():
    spec = tiny(TEXT)
    assert parse_spec(to_yaml(spec)) == spec
    assert "delays: {c: 0}" in to_yaml(spec)
    assert parse_spec(to_yaml(spec, resolved=True)).unroll == spec.unroll

"""Lesions: what is changed, what stays as trained, and what it does to the accuracy."""

from __future__ import annotations

import pytest
import torch

from loopynet import LoopyNet, NetworkSpec, load_spec, parse_spec, to_yaml
from loopynet.errors import LoopyNetError
from loopynet.serve.accuracy import effects
from loopynet.serve.changes import (
    MOST_UNROLLS,
    AddLoop,
    Change,
    Cut,
    Remerge,
    Rescale,
    Unrolls,
    change,
)
from loopynet.serve.networks import Trained


def images(first: Trained) -> torch.Tensor:
    assert first.test is not None
    return first.preprocessing(first.test.pixels[:16])


def answers(net: LoopyNet, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return net(x, unrolls=net.graph.steps, readout="each")


def test_without_its_only_loop_a_network_answers_as_after_one_unroll(first: Trained) -> None:
    x = images(first)
    cut = change(first.net, (Cut("feedback"),))
    assert cut.untrained == ()
    assert cut.spec.loops == {}
    torch.testing.assert_close(answers(cut.net, x)[0], answers(first.net, x)[0])


def test_a_signal_times_1_changes_nothing_and_times_0_adds_nothing(first: Trained) -> None:
    x = images(first)
    same = change(first.net, (Rescale("feedback", 0.3), Rescale("feedback", 1)))
    torch.testing.assert_close(answers(same.net, x), answers(first.net, x))
    none = change(first.net, (Rescale("feedback", 0),))
    trace = none.net.trace(x)
    torch.testing.assert_close(trace["feedback@3"], trace["conv_1@1"])
    double = change(first.net, (Rescale("feedback", 2),)).net.trace(x)
    expected = double["conv_1@1"] + 2 * double["conv_3@1"]
    torch.testing.assert_close(double["feedback@2"], expected)


def test_another_merge_has_the_same_weights(first: Trained) -> None:
    x = images(first)
    changed = change(first.net, (Remerge("feedback", "mul"),))
    trace = changed.net.trace(x)
    torch.testing.assert_close(trace["feedback@2"], trace["conv_1@1"] * trace["conv_3@1"])
    gate = change(first.net, (Remerge("feedback", "gate"),))
    assert gate.untrained
    assert all(name.startswith("merges.feedback") for name in gate.untrained)


def test_more_unrolls_are_those_of_a_run_with_more(first: Trained) -> None:
    x = images(first)
    changed = change(first.net, (Unrolls(5),))
    with torch.no_grad(), pytest.warns(UserWarning, match="running 5 unrolls"):
        expected = first.net(x, unrolls=5, readout="each")
    torch.testing.assert_close(answers(changed.net, x), expected)
    fewer = change(first.net, (Unrolls(2),))
    torch.testing.assert_close(answers(fewer.net, x), answers(first.net, x)[:2])


def test_a_loop_is_added_to_a_network_without_any(first: Trained) -> None:
    added = (Cut("feedback"), AddLoop("conv_3", "conv_2"))
    changed = change(first.net, added)
    assert changed.spec.unroll.steps == 3
    assert set(changed.spec.loops) == {"loop_1"}
    assert changed.untrained == ()
    projected = change(first.net, (AddLoop("conv_3", "conv_1", "sum", "project"),))
    assert projected.untrained == ("fits.loop_1.op.mix.weight", "fits.loop_1.op.mix.bias")


ALL: tuple[Change, ...] = (
    Rescale("feedback", 0.5), Remerge("feedback", "max"), Unrolls(4), AddLoop("conv_2", "conv_2"),
    Cut("feedback"),
)  # fmt: skip


@pytest.mark.parametrize("count", range(1, len(ALL) + 1))
def test_what_is_exported_is_the_changed_network(first: Trained, count: int) -> None:
    changed = change(first.net, ALL[:count])
    again = LoopyNet(parse_spec(to_yaml(changed.spec)))
    again.load_state_dict(changed.net.state_dict())
    x = images(first)
    torch.testing.assert_close(answers(again.eval(), x), answers(changed.net, x))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Cut("zork"), 'no loop "zork"'),
        (Rescale("feedback", float("nan")), "factor"),
        (Remerge("feedback", "zork"), 'no merge "zork"'),
        (Unrolls(0), "1 to 12"),
        (Unrolls(MOST_UNROLLS + 1), "1 to 12"),
        (AddLoop("conv_1", "conv_3"), "a loop goes back"),
        (AddLoop("zork", "conv_1"), "zork"),
        (AddLoop("conv_3", "conv_2", "sum", "zork"), "fit"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(first: Trained, wrong: Change, said: str) -> None:
    with pytest.raises(LoopyNetError, match=said):
        change(first.net, (wrong,))


def test_untied_copies_keep_their_weights() -> None:
    spec = load_spec("digits-loopy", ("unroll.tied=false",))
    net = LoopyNet(spec).eval()
    assert isinstance(spec, NetworkSpec)
    x = torch.randn(2, 1, 8, 8)
    scaled = change(net, (Rescale("feedback", 1),))
    assert scaled.untrained == ()
    torch.testing.assert_close(answers(scaled.net, x), answers(net, x))


def test_effects_are_accuracies_on_the_same_images(first: Trained) -> None:
    assert first.test is not None
    net = change(first.net, (Cut("feedback"),)).net
    found = list(effects(first, net))
    x = first.preprocessing(first.test.pixels)
    right = [(answers(n, x)[-1].argmax(-1) == first.test.labels).double() for n in (first.net, net)]
    last = found[-1]
    assert last.images == last.total == len(first.test)
    assert [e.images for e in found] == sorted({e.images for e in found})
    assert last.before.mean == pytest.approx(float(right[0].mean()))
    assert last.after.mean == pytest.approx(float(right[1].mean()))
    difference = right[1] - right[0]
    assert last.difference.mean == pytest.approx(float(difference.mean()))
    assert last.difference.low is not None
    error = float(difference.std()) / len(difference) ** 0.5
    assert last.difference.mean - last.difference.low == pytest.approx(1.97 * error, rel=0.01)

"""The contenders compute the same function and the same gradients."""

import importlib.util

import pytest
import torch

from loopynet import load_spec
from loopynet.bench.contenders import build_contender
from loopynet.bench.same import BenchError, check_same
from loopynet.errors import SpecError

CPU = torch.device("cpu")
SMALL = ("layers.conv_1.filters=6", "layers.conv_2.filters=5", "unroll.steps=4")
EQUILIBRIUM = (
    "norm={type: group, groups: 1, over_time: shared}",
    "unroll={steps: 2, until: converged, tolerance: 1e-10, max_steps: 300}",
    "training.gradient={type: implicit, tolerance: 1e-10, max_steps: 300}",
)


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def answers(names, spec, batch=3):
    return {name: build_contender(name, spec, batch, CPU).answer() for name in names}


@pytest.mark.parametrize("network", ["cifar10-loopy", "mnist-loopy"])
def test_ours_by_hand_and_untied_agree_in_float64(double, network):
    spec = load_spec(network, (*SMALL, "layers.conv_3.filters=3") if "cifar" in network else SMALL)
    found = check_same(answers(["eager", "ours", "untied"], spec), 1e-11)
    assert set(found) == {"ours", "untied"}
    assert all(set(gaps) == {"logits", "gradients"} for gaps in found.values())


def test_they_still_agree_after_training_steps(double):
    spec = load_spec("cifar10-loopy", SMALL)
    two = {name: build_contender(name, spec, 3, CPU) for name in ("eager", "ours")}
    for contender in two.values():
        step = contender.step()
        for _ in range(3):
            step()
    check_same({name: one.answer() for name, one in two.items()}, 1e-6)


def test_an_answer_has_its_own_gradients_only(double):
    one = build_contender("eager", load_spec("cifar10-loopy", SMALL), 3, CPU)
    first = one.answer()
    weights = {name: value.clone() for name, value in one.module.state_dict().items()}
    one.step()()
    one.module.load_state_dict(weights)
    check_same({"before": first, "after a step": one.answer()}, 1e-12)


@pytest.mark.skipif(not importlib.util.find_spec("torchdeq"), reason="torchdeq is not installed")
def test_torchdeq_finds_the_same_fixed_point_and_gradient(double):
    spec = load_spec("cifar10-loopy", (*SMALL[:2], *EQUILIBRIUM))
    check_same(answers(["ours", "torchdeq"], spec), 1e-6)


def test_another_function_is_noticed(double):
    found = answers(["eager", "ours"], load_spec("cifar10-loopy", SMALL))
    found["ours"]["layers.conv_2.op.weight"] = 1.001 * found["ours"]["layers.conv_2.op.weight"]
    with pytest.raises(BenchError, match=r"conv_2\.op\.weight differs by 1\.0e-03"):
        check_same(found, 1e-5)
    check_same(found, 1e-5, other_gradients=["ours"])
    other = answers(["eager"], load_spec("cifar10-loopy", (*SMALL, "unroll.steps=3")))
    with pytest.raises(BenchError, match="logits"):
        check_same(
            {"ours": found["eager"], "eager": other["eager"]}, 1e-5, other_gradients=["eager"]
        )


def test_gradients_may_have_a_tolerance_of_their_own():
    one = {"logits": torch.ones(2), "w": torch.ones(2)}
    check_same({"one": one, "other": {**one, "w": 1.02 * one["w"]}}, 1e-3, (), 5e-2)
    with pytest.raises(BenchError, match="logits differs by"):
        check_same({"one": one, "other": {**one, "logits": 1.02 * one["w"]}}, 1e-3, (), 5e-2)


def test_a_bias_without_effect_is_compared_on_the_scale_of_its_weight():
    one = {"logits": torch.ones(2), "a.op.weight": torch.ones(4), "a.op.bias": torch.tensor([1e-9])}
    other = {**one, "a.op.bias": torch.tensor([-1e-9])}
    check_same({"one": one, "other": other}, 1e-8)
    with pytest.raises(BenchError, match="bias"):
        check_same({"one": one, "other": {**one, "a.op.bias": torch.tensor([0.1])}}, 1e-8)


@pytest.mark.parametrize(
    "change",
    ["loops.feedback.merge=mul", "norm=layer", "loops.feedback.to=conv_2", "unroll.tied=false"],
)
def test_a_network_of_another_form_has_no_opponent(change):
    spec = load_spec("cifar10-loopy", ("layers.conv_3.filters=64",) * ("conv_2" in change)
                     + ("layers.conv_1.filters=64", change))  # fmt: skip
    with pytest.raises(SpecError, match="no hand-written opponent"):
        build_contender("eager", spec, 2, CPU)

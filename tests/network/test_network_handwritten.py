"""The published network against the same written out by hand in plain PyTorch functions."""

import pytest
import torch

from loopynet import LoopyNet, load_spec
from reference.handwritten import Norm, cifar10_loopy
from reference.random_layers import MERGES
from reference.values import (
    assert_all_close,
    assert_close,
    gradients,
    random_input,
    random_net,
    weighed,
)

NORMS = [
    ("none", "shared"),
    *(
        (kind, over_time)
        for kind in ("batch", "group", "layer")
        for over_time in ("shared", "per_step", "per_step_statistics")
    ),
]


def published(*changes: str, small: bool = True) -> LoopyNet:
    """Return the zoo's network with random values; small: 5x4 images, for speed."""
    smaller = ("input.shape=[3, 5, 4]",) if small else ()
    return random_net(load_spec("cifar10-loopy", (*smaller, *changes)))


def by_hand(net: LoopyNet, x: torch.Tensor, **options):
    """Return the hand-written network's logits and the tensors it used, as leaves of the graph."""
    named = dict(net.named_parameters())
    tensors = {
        key: value.detach().clone().requires_grad_(key in named)
        for key, value in net.state_dict().items()
    }
    return cifar10_loopy(x, tensors, **options), tensors


def compare(net: LoopyNet, x: torch.Tensor, *, training: bool, **options) -> None:
    net.train(training)
    wanted, tensors = by_hand(net, x, training=training, **options)
    logits = net(x)
    assert_close(logits, wanted, "logits")
    weighed(wanted).backward()
    weighed(logits).backward()
    wanted_gradients = {key: tensors[key].grad for key, _ in net.named_parameters()}
    assert_all_close(gradients(net), wanted_gradients)
    assert any(gradient.abs().max() > 1e-3 for gradient in wanted_gradients.values())
    for key, value in net.named_buffers():
        assert_close(value, tensors[key], key)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_the_published_network_at_its_real_size(training):
    net = published(small=False)
    assert net.graph.input_shape == (3, 32, 32)
    compare(net, random_input(net, batch=2), training=training)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("kind", "over_time"), NORMS)
@pytest.mark.parametrize("merge", MERGES)
def test_every_merge_with_every_norm(merge, kind, over_time, training):
    net = published(
        f"loops.feedback.merge={merge}", f"norm={{type: {kind}, over_time: {over_time}}}"
    )
    options = {"merge": merge, "norm": Norm(kind, over_time)}
    compare(net, random_input(net, batch=2), training=training, **options)


@pytest.mark.parametrize("passes", [1, 2, 4])
def test_other_numbers_of_unrolls(passes):
    net = published(f"unroll.steps={passes}")
    compare(net, random_input(net), training=True, passes=passes)


def test_a_step_of_training_moves_statistics_by_the_momentum():
    net = published("norm={type: batch, over_time: per_step, momentum: 0.25, eps: 0.01}").train()
    before = net.layers["conv_1"].norm.running_mean.clone()
    x = random_input(net)
    _, tensors = by_hand(net, x, training=True, norm=Norm(momentum=0.25, eps=0.01))
    net(x)
    assert_close(
        net.layers["conv_1"].norm.running_mean, tensors["layers.conv_1.norm.running_mean"], "mean"
    )
    assert (net.layers["conv_1"].norm.running_mean != before).all()


def test_the_hand_written_network_depends_on_what_it_is_given():
    """The comparison could not fail if, say, the merge had no effect at these values."""
    net = published()
    x = random_input(net)
    results = [by_hand(net, x, merge=merge)[0] for merge in ("sum", "mul", "mean", "max", "gain")]
    results += [by_hand(net, x, passes=2)[0], by_hand(net, x, training=True)[0]]
    results += [by_hand(net, x, norm=Norm("none"))[0]]
    for i, one in enumerate(results):
        for other in results[:i]:
            assert (one - other).abs().max() > 1e-6


def test_float32_agrees_within_its_precision():
    net = published(small=False)
    x = random_input(net, batch=2)
    wanted, _ = by_hand(net.eval(), x)
    logits = net.float()(x.float())
    assert logits.dtype == torch.float32
    assert_close(logits.double(), wanted, "logits", 1e-5)

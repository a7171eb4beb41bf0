"""The gradient of a tied weight is the sum of its copies' gradients in the untied network."""

import re

import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st

from loopynet import Each, LoopyNet, NetworkSpec
from loopynet.parts.layers import layer_types
from reference.features import EVERY_FEATURE, features
from reference.random_layers import MERGES, OPTIONS
from reference.strategies import documents, tiny
from reference.values import (
    assert_all_close,
    assert_close,
    gradients,
    random_input,
    random_net,
    weighed,
)

COPY = re.compile(r"(layers|fits|merges)\.([^.@]+)@(\d+)\.(.+)")


def tied_key(untied_key: str) -> tuple[str, int]:
    """Return the tied name of an untied key, and the unroll that the copy serves (0: none)."""
    copy = COPY.fullmatch(untied_key)
    return (f"{copy[1]}.{copy[2]}.{copy[4]}", int(copy[3])) if copy else (untied_key, 0)


def owners_key(key: str, net: LoopyNet) -> str:
    """Return the tied network's key of weights that have no key of their own there."""
    name, end = key.split(".")[1], key.rpartition(".")[2]
    owner = net.graph.shared.get(name, name)
    if ".op." not in key or owner == name:
        return key
    own = f"layers.{owner}.op."
    return next(k for k in net.state_dict() if k.startswith(own) and k.endswith(f".{end}"))


def summed(untied: dict[str, torch.Tensor], like: dict[str, torch.Tensor], net: LoopyNet):
    """Return the untied values summed over the copies of each tied key."""
    sums = {key: torch.zeros_like(value) for key, value in like.items()}
    sizes = {key: torch.zeros_like(value) for key, value in like.items()}
    times: dict[str, list[int]] = {}
    for key in untied:
        times.setdefault(tied_key(key)[0], []).append(tied_key(key)[1])
    for key, value in untied.items():
        name, t = tied_key(key)
        own, name = name, owners_key(name, net)
        several_sets = ".norm." in key and t and len(sums[name]) > 1
        row = sorted(times[own]).index(t)
        rows = slice(row, row + 1) if several_sets else slice(None)
        sums[name][rows] += value
        sizes[name][rows] += value.abs()
    return sums, sizes


def check_tied_gradients(net: LoopyNet, x: torch.Tensor, *, training: bool) -> None:
    net.train(training)
    untied = net.untie()
    x.requires_grad_()  # for the few random networks without any parameter
    logits, copies = net(x, readout=Each()), untied(x, readout=Each())
    assert_close(copies, logits, "logits", 1e-12)
    weighed(logits).backward()
    weighed(copies).backward()
    ours = gradients(net)
    sums, sizes = summed(gradients(untied), ours, net)
    for key, gradient in ours.items():
        scale = sizes[key].max().item() if gradient.numel() else 0.0
        difference = (gradient - sums[key]).abs().max().item()
        assert difference <= 1e-10 * scale + 1e-300, (key, difference, scale)


@settings(deadline=None, max_examples=60)
@given(document=documents(least_loops=1, least_steps=1), training=st.booleans())
def test_tied_gradient_is_the_sum_over_copies(document, training):
    for feature in features(document):
        event(feature)
    net = random_net(NetworkSpec.model_validate(document))
    check_tied_gradients(net, random_input(net), training=training)


FRAME = """
input: {shape: [2, 4, 4]}
layers:
  first: {type: conv2d, filters: 2, activation: tanh, norm: {type: batch, over_time: per_step}}
  tested: {type: identity}
  back: {type: conv2d, filters: 2, activation: tanh}
  fc: {type: dense, units: 3}
main: [first, tested, back, fc]
loops: {feedback: {from: back, to: first, merge: sum, fit: project, through: []}}
unroll: {steps: 3}
"""


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", layer_types.names())
def test_every_layer_type_is_tied(kind, steps):
    """Each registered type inside the loop, where an image or a vector is."""
    required = {"conv2d": {"filters": 2}, "conv_transpose2d": {"filters": 2}, "dense": {"units": 3}}
    # Dropout's rate is 0: two networks cannot draw the same masks.
    options = {"dropout": {"rate": 0}}.get(kind, required.get(kind, {}))
    norm = {"norm": {"type": "batch", "over_time": "per_step", "eps": 0.1}}
    if kind == "norm":
        norm = {"over_time": "per_step", "eps": 0.1}
    spec = tiny(FRAME)
    layers = spec.model_dump(by_alias=True, exclude_unset=True)["layers"]
    vector = kind in {"dense", "global_pool", "flatten"}
    layers["tested"] = {"type": kind, **options, "activation": "tanh", **norm}
    layers["back"] = {"type": "dense", "units": 4} if vector else layers["back"]
    layers = {name: {"type": spec.layers[name].type, **layer} for name, layer in layers.items()}
    net = random_net(tiny(FRAME, layers=layers, unroll={"steps": steps}))
    check_tied_gradients(net, random_input(net), training=True)


@pytest.mark.parametrize("over_time", ["shared", "per_step", "per_step_statistics"])
@pytest.mark.parametrize("norm", ["batch", "group", "layer"])
@pytest.mark.parametrize("merge", MERGES)
def test_every_merge_and_norm_is_tied(merge, norm, over_time):
    loop = {"from": "back", "to": "tested", "merge": merge}
    document = {
        "loops": {"feedback": loop, "far": {**loop, "from": "tested", "delay": 2}},
        "norm": {"type": norm, "over_time": over_time},
        "unroll": {"steps": 4},
    }
    if merge == "concat":  # a layer with weights must end the growth of the channels
        document["loops"] = {"feedback": {**loop, "to": "first"}}
    net = random_net(tiny(FRAME, **document))
    for training in (True, False):
        check_tied_gradients(net, random_input(net), training=training)
        net.zero_grad()


KEYS = """
input: {shape: [2, 4, 4]}
layers:
  stem: {type: conv2d, filters: 2}
  conv_1: {type: conv2d, filters: 2}
  conv_2: {type: conv2d, filters: 2}
  way: {type: conv2d, filters: 3}
  neck: {type: conv2d, filters: 2}
  fc: {type: dense, units: 3}
main: [stem, conv_1, conv_2, neck, fc]
loops:
  feedback: {from: conv_2, to: conv_1, merge: gate, fit: project, through: [way], delay: 2}
norm: {type: batch, over_time: per_step}
unroll: {steps: 4}
"""


def test_state_dict_keys_of_tied_and_untied():
    tied, untied = random_net(tiny(KEYS)), None
    untied = tied.untie()
    values, copies = tied.state_dict(), untied.state_dict()
    times = {"conv_1": 4, "conv_2": 4, "way": 2}
    for name, count in times.items():
        for end in ("op.weight", "op.bias", "norm.weight", "norm.running_var"):
            found = [key for key in copies if re.fullmatch(rf"layers\.{name}@\d\.{end}", key)]
            assert found == [f"layers.{name}@{t}.{end}" for t in range(1, count + 1)]
            assert f"layers.{name}.{end}" in values
            assert f"layers.{name}.{end}" not in copies
            for t, key in enumerate(found):
                value = values[f"layers.{name}.{end}"]
                if end.startswith("norm"):
                    assert value.shape == (count, value.shape[1])
                    assert copies[key].shape == (1, value.shape[1])
                    value = value[t : t + 1]
                assert torch.equal(copies[key], value)
    # Trunk and head have one set, under one name.
    for key in ("layers.stem.op.weight", "layers.neck.norm.bias", "layers.fc.op.weight"):
        assert torch.equal(copies[key], values[key])
    assert {key for key in copies if key.startswith("merges")} == {
        f"merges.feedback@{t}.op.weigh.{end}" for t in (3, 4) for end in ("weight", "bias")
    }
    assert {key for key in copies if key.startswith("fits")} == {
        f"fits.feedback@{t}.op.mix.{end}" for t in (1, 2) for end in ("weight", "bias")
    }


def test_untied_copies_are_separate_memory():
    net = random_net(tiny(KEYS))
    untied = net.untie()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.no_grad():
        for parameter in untied.parameters():
            parameter.add_(1.0)
    assert_all_close(net.state_dict(), before, 0.0)
    copies = untied.state_dict()
    pointers = [value.data_ptr() for value in copies.values()]
    assert len(set(pointers)) == len(pointers)


def test_untied_running_statistics_after_a_step_are_the_rows_of_the_tied():
    net = random_net(tiny(KEYS)).train()
    untied = net.untie()
    x = random_input(net)
    net(x)
    untied(x)
    for key, value in untied.state_dict().items():
        name, t = tied_key(key)
        if "running" in key and t:
            assert_close(value, net.state_dict()[name][t - 1 : t], key)


@pytest.mark.parametrize("training", [True, False])
def test_untie_keeps_mode_and_type(training):
    net = random_net(tiny(KEYS)).train(training)
    untied = net.untie()
    assert not untied.graph.tied
    assert all(module.training is training for module in untied.modules())
    assert {value.dtype for value in untied.state_dict().values()} == {torch.float64}


def test_untie_of_an_untied_network_copies_it():
    net = random_net(tiny(KEYS)).untie()
    assert_all_close(dict(net.untie().state_dict()), dict(net.state_dict()), 0.0)


def test_random_documents_draw_every_layer_type():
    """A new layer type must be added to the strategy, or nothing of the above tests it."""
    assert set(OPTIONS) == set(layer_types.names())
    assert {f"layer {name}" for name in layer_types.names()} <= EVERY_FEATURE

"""The parts of a weight's gradient, against finite differences and the tied gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loopynet import LoopyNet, LoopyNetError, NetworkSpec, load_spec
from loopynet.explain import gradients
from loopynet.network import loss_over_time
from reference.strategies import documents, tiny
from reference.values import random_input, random_net

NETWORK = """
input: {shape: [2, 4, 4]}
layers:
  stem: {type: conv2d, filters: 2}
  a: {type: conv2d, filters: 2, activation: tanh}
  b: {type: conv2d, filters: 2, activation: softplus}
  way: {type: conv2d, filters: 3, activation: tanh}
  neck: {type: conv2d, filters: 2, activation: tanh}
  fc: {type: dense, units: 3}
main: [stem, a, b, neck, fc]
loops:
  back: {from: b, to: a, through: [way], fit: project, merge: gate}
norm: {type: batch, over_time: OVER_TIME}
unroll: {steps: 3}
"""


def sample(net, count=6):
    return random_input(net, batch=count), torch.arange(count) % net.graph.output_shape[0]


def perturbed_loss(net, x, labels, name, t, direction, step):
    """Return the loss after the weight of one unroll only has moved, by a hook on its module."""
    home, module_name, *path, leaf = name.split(".")
    module = getattr(net, home)[module_name]
    owner = module.get_submodule(".".join(path))
    weight = getattr(owner, leaf)
    calls = [0]

    def before(*_):
        calls[0] += 1
        if calls[0] == t:
            weight.data += step * direction

    def after(*_):
        if calls[0] == t:
            weight.data -= step * direction

    hooks = [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    with torch.no_grad():
        loss = loss_over_time(net(x), labels, net.spec.loss.steps).item()
    for hook in hooks:
        hook.remove()
    return loss


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("over_time", ["per_step", "shared"])
@pytest.mark.parametrize("readout", ["last", "each"])
def test_parts_are_the_slopes_of_one_unrolls_weight(over_time, training, readout):
    text = NETWORK.replace("OVER_TIME", over_time)
    loss = {"steps": [1.0, 2.0, 4.0] if readout == "each" else "last"}
    net = random_net(tiny(text, readout=readout, loss=loss)).train(training)
    x, labels = sample(net)
    found = gradients(net, x, labels, batch_size=6)
    assert found.training is training
    wanted = {"layers.a.op.weight", "layers.way.op.bias", "fits.back.op.mix.weight",
              "merges.back.op.weigh.weight", "layers.b.norm.weight"}  # fmt: skip
    assert wanted <= set(found.weights)
    assert ("layers.neck.op.weight" in found.weights) == (readout == "each")
    generator = torch.Generator().manual_seed(0)
    for name, weight in found.weights.items():
        if ".norm." in name and over_time == "per_step":
            continue
        for i, (t, part) in enumerate(zip(weight.unrolls, weight.parts, strict=True)):
            direction = torch.randn(part.shape, generator=generator, dtype=part.dtype)
            up, down = (
                perturbed_loss(net, x, labels, name, i + 1, direction, step)
                for step in (1e-5, -1e-5)
            )
            slope = (part * direction).sum().item()
            assert (up - down) / 2e-5 == pytest.approx(slope, rel=1e-5, abs=1e-8), (name, t)


@settings(deadline=None, max_examples=40)
@given(document=documents(least_loops=1, least_steps=2), training=st.booleans())
def test_parts_of_random_networks_sum_to_the_gradient(document, training):
    net = random_net(NetworkSpec.model_validate(document)).train(training)
    x, labels = sample(net)
    found = gradients(net, x, labels, batch_size=6)
    loss = loss_over_time(net(x), labels, net.spec.loss.steps)
    shared = set(net.graph.shared.values())  # whose gradients have parts of other layers, too
    own = {k for k in found.weights if k.split(".")[1] not in shared or ".op." not in k}
    named = {k: p for k, p in net.named_parameters() if k in own}
    wholes = dict(
        zip(
            named,
            torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
            if loss.requires_grad and named
            else (),
            strict=True,
        )
    )
    for name, whole in wholes.items():
        parts = found.weights[name].parts
        joined = torch.cat(parts) if parts[0].shape != whole.shape else sum(parts)
        joined = (
            torch.cat([joined, whole[len(joined) :] * 0]) if len(joined) < len(whole) else joined
        )
        assert torch.allclose(joined, whole, atol=1e-10, rtol=1e-8), name


DELAYED = """
input: {shape: [3]}
layers:
  a: {type: dense, units: 3}
  b: {type: dense, units: 3}
  c: {type: norm, kind: batch, over_time: per_step}
  fc: {type: dense, units: 3}
main: [a, b, c, fc]
loops: {back: {from: c, to: a}}
unroll: {steps: 4, delays: {b: 1}}
"""


def test_a_norm_that_begins_later_has_a_part_for_each_of_its_sets():
    net = random_net(tiny(DELAYED))
    found = gradients(net, *sample(net)).weights["layers.c.norm.weight"]
    assert found.unrolls == net.graph.layer_times(net.graph.layers["c"])
    assert found.unrolls[0] == 2


SHARED = """
input: {shape: [3, 4, 4]}
layers:
  first: {type: conv2d, filters: 3, weights_of: a, activation: tanh}
  a: {type: conv2d, filters: 3, activation: tanh}
  b: {type: conv2d, filters: 3, weights_of: a, activation: tanh}
  fc: {type: dense, units: 3}
main: [first, a, b, fc]
loops: {back: {from: b, to: a}}
unroll: {steps: 3}
"""


def test_layers_that_share_weights_have_parts_of_their_own():
    net = random_net(tiny(SHARED)).eval()
    x, labels = sample(net)
    weights = gradients(net, x, labels).weights
    a, b = (weights[f"layers.{name}.op.weight"] for name in "ab")
    assert a.unrolls == b.unrolls == (1, 2, 3)
    untied = net.untie()
    loss_over_time(net(x), labels, "last").backward()
    loss_over_time(untied(x), labels, "last").backward()
    whole = net.layers["a"].op.weight.grad
    first = untied.layers["first"].op.weight.grad
    assert torch.allclose(sum(a.parts) + sum(b.parts) + first, whole, rtol=1e-9)


def test_norms_angles_and_shares_are_those_of_the_parts():
    net = random_net(tiny(NETWORK.replace("OVER_TIME", "shared"))).eval()
    x, labels = sample(net)
    weight = gradients(net, x, labels, batch_size=6).weights["layers.a.op.weight"]
    assert weight.unrolls == (1, 2, 3)
    lengths = [part.norm().item() for part in weight.parts]
    assert [n.mean for n in weight.norms] == pytest.approx(lengths)
    assert weight.shares == pytest.approx([n / sum(lengths) for n in lengths])
    dot = (weight.parts[0] * weight.parts[2]).sum().item()
    assert weight.cosines[0][2] == pytest.approx(dot / lengths[0] / lengths[2])
    assert weight.cosines[1][1] == pytest.approx(1)


def test_an_untied_network_has_the_same_parts():
    net = random_net(tiny(NETWORK.replace("OVER_TIME", "per_step"))).eval()
    x, labels = sample(net)
    tied, untied = gradients(net, x, labels), gradients(net.untie(), x, labels)
    assert set(tied.weights) == set(untied.weights)
    for name, weight in tied.weights.items():
        for ours, theirs in zip(weight.parts, untied.weights[name].parts, strict=True):
            assert torch.allclose(ours, theirs, atol=1e-12)


def test_batches_are_averaged_and_give_intervals():
    net = random_net(tiny(NETWORK.replace("OVER_TIME", "shared"))).eval()
    x, labels = sample(net)
    halves = gradients(net, x, labels, batch_size=3).weights["layers.a.op.weight"]
    whole = gradients(net, x, labels, batch_size=6).weights["layers.a.op.weight"]
    for ours, theirs in zip(halves.parts, whole.parts, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-12)
    assert halves.norms[0].low < halves.norms[0].mean < halves.norms[0].high
    assert whole.norms[0].low is None


def test_nothing_of_the_network_is_changed():
    net = random_net(tiny(NETWORK.replace("OVER_TIME", "per_step"))).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    gradients(net, *sample(net))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert net.training
    assert all(p.grad is None for p in net.parameters())


def test_parts_that_do_not_sum_are_an_error():
    net = random_net(tiny(NETWORK.replace("OVER_TIME", "shared"))).eval()
    x, labels = sample(net)
    noise = torch.Generator().manual_seed(0)
    net.layers["a"].op.register_forward_hook(
        lambda _, __, y: y + torch.randn(y.shape, generator=noise, dtype=y.dtype)
    )
    with pytest.raises(LoopyNetError, match="do not sum"):
        gradients(net, x, labels)


def test_what_has_no_parts_is_refused():
    main = "main=[conv_1, conv_2, conv_3, drop, pool, fc_1]"
    spec = load_spec("digits-loopy", ("layers.drop.type=dropout", main))
    net = LoopyNet(spec).train()
    x, labels = torch.rand(4, 1, 8, 8), torch.arange(4)
    with pytest.raises(LoopyNetError, match="random numbers in training mode"):
        gradients(net, x, labels)
    assert gradients(net.eval(), x, labels).images == 4
    alone = LoopyNet(load_spec("digits-loopy", ("unroll.steps=1",)))
    with pytest.raises(LoopyNetError, match="no loops"):
        gradients(alone, x, labels)

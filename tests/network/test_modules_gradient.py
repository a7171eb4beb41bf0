"""Gradient modes: truncated against the untied parts, recompute against full."""

import copy

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from loopynet import LoopyNet, NetworkSpec
from loopynet.modules.gradient import Full, Recompute, Truncated, unchanged_buffers
from reference.strategies import documents, tiny
from reference.values import (
    assert_all_close,
    assert_close,
    gradients,
    random_input,
    random_net,
    weighed,
)

DROPPING = """
input: {shape: [3, 6, 6]}
layers:
  stem: {type: conv2d, filters: 4, activation: relu}
  conv: {type: conv2d, filters: 4, activation: tanh}
  drop: {type: dropout, rate: 0.4}
  fc: {type: dense, units: 3}
  way: {type: conv2d, filters: 4}
main: [stem, conv, drop, fc]
loops:
  back: {from: drop, to: conv, through: [way]}
unroll: {steps: 5}
norm: {type: batch, over_time: shared}
"""


def run(net: LoopyNet, x: torch.Tensor, **options):
    """Return logits, gradients by name, the input's among them, and the buffers afterwards."""
    net, x = copy.deepcopy(net), x.clone().requires_grad_()
    torch.manual_seed(1)
    logits = net(x, **options)
    weighed(logits).backward()
    return logits.detach(), {**gradients(net), "x": x.grad}, dict(net.named_buffers())


@settings(deadline=None, max_examples=25)
@given(document=documents(), training=st.booleans(), tied=st.booleans())
def test_recomputing_changes_nothing(document, training, tied):
    document["unroll"]["tied"] = tied
    net = random_net(NetworkSpec.model_validate(document)).train(training)
    x = random_input(net)
    logits, wanted, buffers = run(net, x, gradient=Full())
    same, found, after = run(net, x, gradient=Recompute())
    assert torch.equal(logits, same)
    assert_all_close(found, wanted, 1e-12)
    assert_all_close(after, buffers, 0.0)


def test_masks_and_statistics_are_right_under_recomputation():
    net = random_net(tiny(DROPPING)).train()
    x = random_input(net, 8)
    logits, wanted, buffers = run(net, x, gradient=Full())
    same, found, after = run(net, x, gradient=Recompute())
    assert torch.equal(logits, same)
    assert_all_close(found, wanted, 1e-12)
    assert_all_close(after, buffers, 0.0)
    torch.manual_seed(2)
    assert (net(x) - logits).abs().max() > 1e-3  # another mask gives other logits


def test_random_streams_go_on_as_without_recomputation():
    net = random_net(tiny(DROPPING)).train()
    x = random_input(net, 8)
    drawn = []
    for mode in (Full(), Recompute()):
        torch.manual_seed(1)
        weighed(copy.deepcopy(net)(x, gradient=mode)).backward()
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)


def kept_bytes(net: LoopyNet, x: torch.Tensor, **options) -> int:
    """Return the bytes of the activations that are kept for the gradient."""
    own = {tensor.untyped_storage().data_ptr() for tensor in net.state_dict().values()}
    own.add(x.untyped_storage().data_ptr())
    sizes: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = net(x, **options)
    total = sum(sizes.values())
    weighed(logits).backward()
    return total


def test_recomputation_keeps_no_passes():
    net = random_net(tiny(DROPPING, norm={"type": "group"})).train()
    x = random_input(net, 8)
    full = [kept_bytes(net, x, unrolls=k, gradient=Full()) for k in (5, 10)]
    flat = [kept_bytes(net, x, unrolls=k, gradient=Recompute()) for k in (5, 10)]
    assert full[1] > 1.7 * full[0]
    assert flat[1] == flat[0] < 0.3 * full[0]


def last_section(graph):
    """Return the layers of the section that ends last, those on its loops and skips among them."""
    body = {name for name in graph.body if graph.timetable.last(name) >= graph.steps}
    return body | {name for e in graph.edges if e.source in body for name in e.through}


@settings(deadline=None, max_examples=25)
@given(document=documents(least_loops=1, least_steps=2), data=st.data())
def test_truncation_gives_the_parts_of_the_last_unrolls(document, data):
    """dW = sum_j dW_j over the last n unrolls; the parts come from the untied copy."""
    document.pop("readout", None)
    net = random_net(NetworkSpec.model_validate(document)).eval()
    assume([*net.parameters()] and not net.graph.shared)  # a shared weight has parts elsewhere, too
    steps = net.graph.steps
    n = data.draw(st.integers(1, steps))
    x = random_input(net)
    _, found, _ = run(net, x, gradient=Truncated(n))
    untied = net.untie()
    weighed(untied(x)).backward()
    for node in net.graph.layers.values():
        # What a lower section gave is read by all passes of a higher one, and by the last n here.
        if node.section != "body" or node.name not in last_section(net.graph):
            continue
        for key, parameter in (
            net.layers[node.name].op.named_parameters() if net.layers[node.name].op else ()
        ):
            parts = [
                untied.layers[f"{node.name}@{t}"].op.get_parameter(key).grad
                for t in net.graph.layer_times(node)
                if t > steps - n
            ]
            wanted = sum((p for p in parts if p is not None), torch.zeros_like(parameter))
            assert_close(found[f"layers.{node.name}.op.{key}"], wanted, f"{node.name}.{key}", 1e-9)


def test_truncating_nothing_is_full_and_forward_is_the_same():
    net = random_net(tiny(DROPPING)).train()
    x = random_input(net, 8)
    logits, wanted, buffers = run(net, x)
    for n in (1, 5, 9):
        same, found, after = run(net, x, gradient=Truncated(n))
        assert torch.equal(same, logits)
        assert_all_close(after, buffers, 0.0)
        differs = max(float((found[key] - wanted[key]).abs().max()) for key in wanted)
        assert (differs > 1e-6) == (n < 5)


def test_the_spec_names_the_mode():
    spec = tiny(DROPPING, training={"gradient": {"type": "truncated", "steps": 2}})
    by_spec = random_net(spec).train()
    plain = random_net(tiny(DROPPING)).train()
    x = random_input(plain, 8)
    assert_all_close(run(by_spec, x)[1], run(plain, x, gradient=Truncated(2))[1], 0.0)
    assert_all_close(run(by_spec, x, gradient=Full())[1], run(plain, x)[1], 0.0)


def test_buffers_are_restored_even_after_an_error():
    net = random_net(tiny(DROPPING)).train()
    before = {key: value.clone() for key, value in net.named_buffers()}

    def failing():
        with unchanged_buffers(net):
            net(random_input(net, 8))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert_all_close(dict(net.named_buffers()), before, 0.0)

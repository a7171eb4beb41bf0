"""Costs that are computed without a network against those of the network, and counts by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from loopynet import LoopyNet, NetworkSpec, SpecError, build_graph, load_spec, parse_spec
from loopynet.graph import check_memory, costs
from loopynet.graph.costs import machine_bytes, show_bytes
from reference.strategies import documents
from reference.values import random_input, random_net

PUBLISHED = build_graph(load_spec("cifar10-loopy"))


@settings(deadline=None, max_examples=60)
@given(document=documents(), tied=st.booleans())
def test_numbers_are_those_of_the_network(document, tied):
    document["unroll"]["tied"] = tied
    net = LoopyNet(NetworkSpec.model_validate(document))
    cost = costs(net.graph)
    assert cost.parameters == sum(p.numel() for p in net.parameters())
    assert cost.statistics == sum(b.numel() for b in net.buffers() if b.is_floating_point())
    assert cost.numbers == cost.parameters + cost.statistics
    assert not [key for key, b in net.named_buffers() if not b.is_floating_point()]


def multiply_adds(net: LoopyNet, batch: int = 2) -> float:
    """Return the multiply-adds of one sample as PyTorch counts them (as two operations each)."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(random_input(net, batch))
    return counter.get_total_flops() / 2 / batch


@settings(deadline=None, max_examples=60)
@given(document=documents())
def test_multiply_adds_are_those_that_pytorch_counts(document):
    for edges in (document.get("loops", {}), document.get("skips", {})):
        for edge in edges.values():  # gates have a test of their own
            edge["merge"] = "sum" if edge["merge"] == "gate" else edge["merge"]
    net = random_net(NetworkSpec.model_validate(document))
    if not any(edge.project for edge in net.graph.edges):
        assert costs(net.graph).multiply_adds == multiply_adds(net)


@pytest.mark.parametrize("merge", ["gate", "sum"])
@pytest.mark.parametrize("from_", ["conv_2", "fc"])
def test_multiply_adds_of_gates_and_projections_count_too(merge, from_):
    document = {
        "input": {"shape": [2, 4, 4]},
        "layers": {
            "conv_1": {"type": "conv2d", "filters": 3},
            "conv_2": {"type": "conv2d", "filters": 2},
            "fc": {"type": "dense", "units": 3},
        },
        "main": ["conv_1", "conv_2", "fc"],
        "loops": {"l": {"from": from_, "to": "conv_1", "merge": merge, "fit": "project"}},
        "unroll": {"steps": 3},
    }
    net = random_net(NetworkSpec.model_validate(document))
    assert costs(net.graph).multiply_adds == multiply_adds(net)


def test_the_published_network_counted_by_hand():
    cost = costs(PUBLISHED)
    convolutions = (3 * 64 + 64 * 64 + 64 * 3) * 3 * 3 * 32 * 32
    assert convolutions == 41_287_680
    assert cost.unroll_multiply_adds == convolutions
    assert cost.trunk_multiply_adds == 0
    assert cost.head_multiply_adds == 3 * 32 * 32 * 10
    assert cost.multiply_adds == 3 * convolutions + 30_720 == 123_893_760
    weights = (3 * 64 * 9 + 64) + (64 * 64 * 9 + 64) + (64 * 3 * 9 + 3) + (3072 * 10 + 10)
    norms = 3 * 2 * (64 + 64 + 3)
    assert cost.parameters == weights + norms == 71_967
    assert cost.statistics == norms == 786
    assert cost.numbers == 72_753
    # Each convolution's output, normalized and rectified, 3 times; 2 merges; the logits.
    assert cost.activations == 3 * 3 * (64 + 64 + 3) * 1024 + 2 * 3 * 1024 + 10


def test_the_published_network_holds_these_numbers():
    net = LoopyNet(load_spec("cifar10-loopy"))
    assert sum(p.numel() for p in net.parameters()) == 71_967
    assert sum(value.numel() for value in net.state_dict().values()) == 72_753


def test_untied_costs_more_weights_and_the_same_work():
    tied = costs(PUBLISHED)
    untied = costs(build_graph(load_spec("cifar10-loopy", ("unroll.tied=false",))))
    convolutions = (3 * 64 * 9 + 64) + (64 * 64 * 9 + 64) + (64 * 3 * 9 + 3)
    assert untied.parameters == tied.parameters + 2 * convolutions
    assert untied.statistics == tied.statistics
    assert untied.multiply_adds == tied.multiply_adds
    assert untied.activations == tied.activations


def test_memory_of_a_training_step():
    cost = costs(PUBLISHED)
    weights = 4 * (4 * 71_967 + 786)
    assert cost.training_bytes(0) == weights
    assert cost.training_bytes(32) == weights + 4 * 32 * cost.activations


def test_activations_estimate_what_autograd_keeps():
    """Within a factor of two: an estimate is enough to refuse what cannot run."""
    net = LoopyNet(load_spec("cifar10-loopy")).train()
    kept: dict[int, int] = {}

    def pack(value: torch.Tensor) -> torch.Tensor:
        kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes() // 4
        return value

    x = random_input(net, 4).float()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        logits = net(x)
    parameters = sum(p.numel() for p in net.parameters())
    estimate = costs(net.graph).activations
    assert 0.5 < (sum(kept.values()) - parameters) / 4 / estimate < 2
    assert logits.requires_grad


def test_too_much_memory_is_refused_before_anything_is_built(monkeypatch):
    needed = costs(PUBLISHED).training_bytes(32)
    monkeypatch.setitem(check_memory.__globals__, "machine_bytes", lambda: needed)
    check_memory(PUBLISHED, 32)
    monkeypatch.setitem(check_memory.__globals__, "machine_bytes", lambda: needed - 1)
    with pytest.raises(SpecError) as caught:
        check_memory(PUBLISHED, 32)
    assert caught.value.path == ("layers", "conv_2")  # the largest
    assert "training.batch_size" in caught.value.message


def test_the_machine_has_memory():
    assert 2**27 < machine_bytes() < 2**50


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (3 * 2**30, "3.0 GiB"),
        (5 * 2**50, "5120.0 TiB"),
    ],
)
def test_bytes_as_people_read_them(count, text):
    assert show_bytes(count) == text


def test_an_edge_into_the_head_counts_wherever_it_is_read():
    text = """
input: {shape: [1, 4, 4]}
layers:
  c1: {type: conv2d, filters: 2}
  c2: {type: conv2d, filters: 2}
  fc: {type: dense, units: 3}
main: [c1, c2, fc]
loops: {back: {from: c2, to: c1, fit: project}}
skips: {on: {from: c1, to: fc, fit: project, merge: gate}}
unroll: {steps: 3}
readout: READOUT
"""
    last, each = (
        costs(build_graph(parse_spec(text.replace("READOUT", word)))) for word in ("last", "each")
    )
    once = 2 * 16 * 3 + 2 * (2 * 4 * 4) * 2  # the dense layer and the gate; shapes agree
    assert each.multiply_adds - last.multiply_adds == 2 * once

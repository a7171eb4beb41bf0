"""Random networks against an evaluator that knows only what a document means."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loopynet import Each, LoopyNet, LoopyNetWarning, NetworkSpec
from reference.interpreter import Interpreter
from reference.strategies import documents
from reference.values import (
    assert_all_close,
    assert_close,
    gradients,
    random_input,
    random_net,
    weighed,
)


def interpreter(document, net: LoopyNet, x: torch.Tensor, unrolls: int | None = None):
    named = dict(net.named_parameters())
    tensors = {
        key: value.detach().clone().requires_grad_(key in named)
        for key, value in net.state_dict().items()
    }
    graph = net.graph
    shapes = {edge.name: edge.signal_shape for edge in graph.edges}
    shapes |= {n: graph.shape_of(graph.main[graph.main.index(n) - 1]) for n in graph.body[1:]}
    return Interpreter(
        document, tensors, x, training=net.training, initial_shapes=shapes, unrolls=unrolls
    )


@settings(deadline=None, max_examples=60)
@given(document=documents(), training=st.booleans(), tied=st.booleans())
def test_outputs_gradients_and_statistics(document, training, tied):
    document["unroll"]["tied"] = tied
    net = random_net(NetworkSpec.model_validate(document)).train(training)
    x, same = random_input(net).requires_grad_(), random_input(net).requires_grad_()
    reference = interpreter(document, net, same)
    wanted = reference.logits(document.get("readout", "last"))
    logits = net(x)
    assert_close(logits, wanted, "logits")
    weighed(wanted).backward()
    weighed(logits).backward()
    wanted_gradients = {
        key: torch.zeros_like(value) if value.grad is None else value.grad
        for key, value in reference.tensors.items()
        if value.requires_grad
    }
    assert_all_close(gradients(net), wanted_gradients, 1e-9)
    assert_close(x.grad, same.grad, "the input's gradient", 1e-9)
    for key, value in net.named_buffers():
        assert_close(value, reference.tensors[key], key)


@settings(deadline=None, max_examples=40)
@given(document=documents())
def test_trace_has_every_activation(document):
    net = random_net(NetworkSpec.model_validate(document)).eval()
    x = random_input(net)
    reference = interpreter(document, net, x)
    reference.logits("each")
    assert_all_close(net.trace(x), reference.trace)


@settings(deadline=None, max_examples=40)
@given(document=documents(least_loops=1, least_steps=2), unrolls=st.integers(1, 6))
def test_other_numbers_of_unrolls_than_trained(document, unrolls):
    net = random_net(NetworkSpec.model_validate(document)).eval()
    x, first = random_input(net), net.graph.first_readout
    unrolls = max(unrolls, first)
    reference = interpreter(document, net, x, unrolls)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LoopyNetWarning)
        logits = net(x, unrolls=unrolls, readout=Each())
    assert len(logits) == unrolls - first + 1
    assert_close(logits, reference.logits("each"), "logits")


def test_the_interpreter_notices_a_wrong_value():
    document = {
        "input": {"shape": [2]},
        "layers": {"a": {"type": "dense", "units": 2}, "b": {"type": "dense", "units": 2}},
        "main": ["a", "b"],
        "loops": {"l": {"from": "b", "to": "a", "fit": "error"}},
        "unroll": {"steps": 3},
    }
    net = random_net(NetworkSpec.model_validate(document)).eval()
    x = random_input(net)
    reference = interpreter(document, net, x)
    wanted = reference.logits("last")
    a, b = (net.layers[name].op for name in "ab")
    first = b(a(x))
    assert_close(wanted, b(a(x + b(a(x + first)))), "by formula")
    assert math.isclose(wanted.sum().item(), net(x).sum().item())
    with torch.no_grad():
        net.layers["b"].op.bias.add_(1e-6)
    with pytest.raises(AssertionError, match="logits differs"):
        assert_close(net(x), wanted, "logits")

"""Compiled layers give what the layers give, and one compilation serves all unrolls."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from loopynet import (
    Converged,
    Implicit,
    LoopyNet,
    Phantom,
    Recompute,
    Truncated,
    load_spec,
    parse_spec,
)
from loopynet.modules.gradient import Gradient
from loopynet.network.segment import split_chain
from loopynet.training.speed import has_compiler

needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no C++ compiler")

SPEC = """
input: {shape: [2, 6, 6]}
layers:
  conv_0: {type: conv2d, filters: 4, activation: relu}
  conv_1: {type: conv2d, filters: 4, activation: relu}
  conv_2: {type: conv2d, filters: 4, activation: tanh}
  conv_3: {type: conv2d, filters: 4, activation: relu}
  back_1: {type: conv2d, filters: 4}
  fc_1: {type: dense, units: 3}
main: [conv_0, conv_1, conv_2, conv_3, fc_1]
loops:
  feedback: {from: conv_3, to: conv_1, merge: sum, through: [back_1]}
  inner: {from: conv_2, to: conv_2, merge: gate}
skips:
  over: {from: conv_1, to: conv_3, merge: sum}
unroll: {steps: 3}
norm: {type: batch, over_time: per_step}
"""


@pytest.fixture(autouse=True)
def _forget() -> None:
    torch.compiler.reset()


def _net(**unroll: object) -> LoopyNet:
    torch.manual_seed(0)
    spec = parse_spec(SPEC)
    return LoopyNet(
        spec.model_copy(update={"unroll": spec.unroll.model_copy(update=unroll)})
    ).double()


def _batch(n: int = 5) -> Tensor:
    return torch.randn(n, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def _step(net: LoopyNet, x: Tensor, **options: object) -> dict[str, Tensor]:
    logits = net(x, **options)
    logits.square().sum().backward()
    found = {f"grad {name}": p.grad for name, p in net.named_parameters() if p.grad is not None}
    return found | {"logits": logits.detach()} | dict(net.named_buffers())


def _assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-9, atol=1e-11)


def test_a_chain_is_split_where_signals_come_or_go() -> None:
    graph = _net().graph
    assert split_chain(graph, graph.body) == (("conv_1",), ("conv_2",), ("conv_3",))
    plain = parse_spec(SPEC)
    layers = {name: layer for name, layer in plain.layers.items() if name != "back_1"}
    without = {"layers": layers, "loops": {}, "skips": {}}
    graph = LoopyNet(plain.model_copy(update=without)).graph
    assert split_chain(graph, graph.main) == (graph.main,)


@needs_compiler
@pytest.mark.parametrize("gradient", [None, Truncated(2), Recompute()], ids=str)
def test_compiled_layers_give_the_same_step(gradient: Gradient | None) -> None:
    plain, compiled = _net(), _net().compile_layers()
    wanted = _step(plain, _batch(), gradient=gradient)
    before = counters["stats"]["unique_graphs"]
    _assert_equal(_step(compiled, _batch(), gradient=gradient), wanted)
    assert counters["stats"]["unique_graphs"] > before  # it did compile


@needs_compiler
def test_untied_copies_and_any_number_of_unrolls_share_what_is_compiled() -> None:
    """Compile time does not grow with k: k = 2 and k = 5 have the same graphs."""
    graphs = []
    for steps, tied in ((2, True), (5, True), (5, False)):
        torch.compiler.reset()
        counters.clear()
        net = _net(steps=steps, tied=tied)
        _assert_equal(_step(copy.deepcopy(net).compile_layers(), _batch()), _step(net, _batch()))
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs[0] == graphs[1] == graphs[2] > 0


@needs_compiler
@pytest.mark.parametrize("gradient", [Implicit(1e-10, 200), Phantom(2)], ids=str)
def test_a_run_to_convergence_is_the_same_compiled(gradient: Gradient) -> None:
    """The implicit gradient goes back through one pass many times, which compiled code refuses."""
    net = LoopyNet(load_spec("digits-loopy", ("norm=layer", "unroll.contract=0.5"))).double()
    plain, compiled = copy.deepcopy(net), copy.deepcopy(net).compile_layers()
    x = torch.randn(5, *net.graph.input_shape, dtype=torch.float64)
    options = {"stop": Converged(1e-10, 200), "gradient": gradient}
    _assert_equal(_step(compiled, x, **options), _step(plain, x, **options))


@needs_compiler
@pytest.mark.parametrize("readout", ["last", "each"])
def test_all_unrolls_compiled_as_one_give_the_same_step(readout: str) -> None:
    plain, compiled = _net(), _net().compile_layers("whole")
    before = counters["stats"]["unique_graphs"]
    for batch in (_batch(), _batch(4)):
        wanted = _step(plain, batch, readout=readout)
        _assert_equal(_step(compiled, batch, readout=readout), wanted)
    assert counters["stats"]["unique_graphs"] == before + 2
    compiled.eval()(_batch())
    compiled.train()(_batch(), gradient=Recompute())
    assert counters["stats"]["unique_graphs"] == before + 2


@needs_compiler
def test_copies_stay_compiled_and_evaluation_and_tracing_are_not() -> None:
    net = pickle.loads(pickle.dumps(copy.deepcopy(_net().compile_layers())))
    before = counters["stats"]["unique_graphs"]
    net.trace(_batch())
    net.eval()(_batch())
    assert counters["stats"]["unique_graphs"] == before
    net.train()(_batch())
    assert counters["stats"]["unique_graphs"] > before
    before = counters["stats"]["unique_graphs"]
    net.compile_layers("nothing")(_batch(4))
    assert counters["stats"]["unique_graphs"] == before


@needs_compiler
def test_compiled_statistics_of_few_channels_are_right_in_float32() -> None:
    """3 channels fill no vector register; torch 2.13 has an option with which they are wrong."""
    torch.manual_seed(0)
    net = LoopyNet.from_yaml("cifar10-loopy").to(memory_format=torch.channels_last)
    x = torch.randn(5, 3, 32, 32)
    wanted = net(x, unrolls=1).detach()
    torch.testing.assert_close(net.compile_layers()(x, unrolls=1), wanted, rtol=1e-3, atol=1e-3)

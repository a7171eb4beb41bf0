"""The graph of torch.fx computes what the network does, and says which node is what."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from small_nets import small_net
from torch import fx

from loopynet import LoopyNet, LoopyNetError, load_spec
from loopynet.export import to_fx
from reference.values import assert_all_close, assert_close, random_input

PARALLEL = {"steps": 8, "schedule": "parallel", "delays": {"pool": 2}}


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
@pytest.mark.parametrize("tied", [True, False])
def test_it_computes_the_same(tied: bool, norm: str) -> None:
    net = small_net(tied, norm={"type": norm, "over_time": "per_step"})
    x = random_input(net)
    graph = to_fx(net)
    for batch in (x, x[:1]):
        assert torch.equal(graph(batch), net(batch))
    for unrolls, readout in ((1, "last"), (2, "each")):
        traced = to_fx(net, unrolls, readout)
        assert torch.equal(traced(x), net(x, unrolls=unrolls, readout=readout))


class Values(fx.Interpreter):
    """Runs a graph and keeps each node's value."""

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        self.values[n.name] = value
        return value

    def run(self, *args: object) -> object:
        self.values: dict[str, object] = {}
        return super().run(*args, enable_io_processing=False)


@pytest.mark.parametrize("unroll", [{"steps": 3}, PARALLEL], ids=["sequential", "parallel"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_variable_holds_the_activation_that_it_is_called_after(
    tied: bool, unroll: dict[str, object]
) -> None:
    net = small_net(tied, unroll=unroll)
    x = random_input(net)
    graph = to_fx(net, readout="each")
    interpreter = Values(graph)
    interpreter.run(x)
    told = net.trace(x)
    for name, value in told.items():
        node = next(n for n in graph.graph.nodes if n.name == name.replace("@", "_at_"))
        assert node.meta["loopynet"] == name
        assert torch.equal(interpreter.values[node.name], value), name
    said = {node.meta["loopynet"] for node in graph.graph.nodes if node.op == "call_module"}
    activations = {name for name in said if ".signal" not in name}
    assert activations <= set(told)
    assert "conv_1_at_2 = " in graph.code
    assert "return logits_at_" in graph.code


def test_signals_are_named_after_the_unroll_of_their_arrival() -> None:
    net = small_net()
    x = random_input(net)
    interpreter = Values(to_fx(net))
    interpreter.run(x)
    told: dict[str, torch.Tensor] = {}
    net(x, record=told.__setitem__)
    assert torch.equal(interpreter.values["back_signal_at_3"], told["back.signal@3"])
    assert torch.equal(interpreter.values["far_signal_at_3"], told["far.signal@3"])


def test_a_damped_loop_with_bounded_weights() -> None:
    net = LoopyNet(load_spec("digits-loopy", ("loops.feedback.damping=0.5", "unroll.contract=0.9")))
    net.eval()
    x = torch.rand(2, 1, 8, 8)
    interpreter = Values(to_fx(net))
    assert torch.equal(interpreter.run(x), net(x))
    told: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        net(x, record=told.__setitem__)
    assert torch.equal(interpreter.values["conv_3_at_1"], told["feedback.signal@2"])
    assert torch.equal(interpreter.values["feedback_signal_at_3"], told["feedback.signal@3"])


def test_in_training_mode_it_moves_the_same_statistics() -> None:
    net = small_net().train()
    net.compile_layers()  # what is compiled for training is traced as it is written
    other = copy.deepcopy(net).compile_layers("nothing")
    x = random_input(net)
    logits, wanted = to_fx(net)(x), other(x)
    logits.square().sum().backward()
    wanted.square().sum().backward()
    assert_close(logits, wanted, "logits", 1e-12)
    for (name, p), q in zip(net.named_parameters(), other.parameters(), strict=True):
        assert_close(p.grad, q.grad, name, 1e-12)
    assert_all_close(dict(net.named_buffers()), dict(other.named_buffers()), 1e-12)


def test_weights_and_statistics_are_the_networks_own() -> None:
    net = small_net()
    graph = to_fx(net)
    assert set(graph.state_dict()) == set(net.state_dict())
    x = random_input(net)
    before = graph(x)
    for tensor in net.state_dict().values():
        tensor.mul_(1.25)
    assert torch.equal(graph(x), net(x))
    assert not torch.equal(graph(x), before)


def test_it_is_pickled_and_copied() -> None:
    net = small_net()
    x = random_input(net)
    graph = to_fx(net)
    assert torch.equal(pickle.loads(pickle.dumps(graph))(x), net(x))
    copied = copy.deepcopy(graph)
    assert torch.equal(copied(x), net(x))
    assert "conv_1@2" in {node.meta.get("loopynet") for node in copied.graph.nodes}


def test_what_is_refused() -> None:
    with pytest.raises(LoopyNetError, match="to_fx takes a LoopyNet, and got Linear"):
        to_fx(torch.nn.Linear(2, 2))  # type: ignore[arg-type]
    with pytest.raises(LoopyNetError, match="whole number from 1 up"):
        to_fx(LoopyNet.from_yaml("digits-loopy"), unrolls=0)

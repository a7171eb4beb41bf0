"""A layer that uses the weights of another one: one set, whatever is done to the network."""

import copy
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, pad

from loopynet import LoopyNet, LoopyNetError
from loopynet.export import to_fx, to_onnx, to_program
from loopynet.modules.gradient import Recompute
from loopynet.modules.sharing import borrow
from reference.strategies import tiny
from reference.values import assert_all_close, assert_close, gradients, random_input, random_net

TEXT = """
input: {shape: [3, 8, 8]}
layers:
  first: {type: conv2d, filters: 4, stride: 2, weights_of: conv, bias: false, activation: tanh}
  mix: {type: conv2d, filters: 3}
  conv: {type: conv2d, filters: 4, bias: false, activation: tanh}
  turn: {type: conv_transpose2d, filters: 3, bias: false, weights_of: conv, activation: tanh}
  neck: {type: dense, units: 48, activation: tanh}
  fc: {type: dense, units: 48, weights_of: neck}
main: [first, mix, conv, turn, neck, fc]
loops: {back: {from: turn, to: conv, merge: mean}}
unroll: {steps: 3}
"""
SHARED = {"first": "conv", "turn": "conv", "fc": "neck"}


def tiny_net():
    return random_net(tiny(TEXT))


def holder(net, name):
    """Return the module in a layer that has the weights, or borrows them."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    return next(m for m in net.layers[name].modules() if isinstance(m, kinds))


def assert_shared(net):
    for name, owner in SHARED.items():
        assert holder(net, name).weight is holder(net, owner).weight
        assert not list(net.layers[name].parameters())
    assert len(list(net.parameters())) == 5


def by_hand(net, x):
    """Return the logits of TEXT, written out with one tensor for each weight."""
    w = {key.removeprefix("layers."): value for key, value in net.named_parameters()}
    kernel = w["conv.op.weight"]
    x = conv2d(pad(x, (0, 1, 0, 1)), kernel, stride=2).tanh()
    below = conv2d(x, w["mix.op.weight"], w["mix.op.bias"], padding=1)
    x = below
    for _ in range(3):
        x = conv_transpose2d(conv2d(x, kernel, padding=1).tanh(), kernel, padding=1).tanh()
        last, x = x, (below + x) / 2
    neck, bias = w["neck.op.weight"], w["neck.op.bias"]
    return (last.flatten(1) @ neck.T + bias).tanh() @ neck.T + bias


def test_the_gradient_is_the_sum_over_all_uses():
    net, other = random_net(tiny(TEXT)), random_net(tiny(TEXT))
    x = random_input(net)
    wanted = by_hand(other, x)
    assert_close(net(x), wanted, "logits")
    net(x).square().sum().backward()
    wanted.square().sum().backward()
    assert_all_close(gradients(net), gradients(other))


def test_one_set_under_the_owners_names(tmp_path):
    net = random_net(tiny(TEXT))
    assert_shared(net)
    assert list(net.state_dict()) == [
        "layers.mix.op.weight", "layers.mix.op.bias", "layers.conv.op.weight",
        "layers.neck.op.weight", "layers.neck.op.bias",
    ]  # fmt: skip
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    again = LoopyNet(net.spec).double()
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    x = random_input(net)
    assert torch.equal(again(x), net(x))


@pytest.mark.parametrize(
    "change",
    [
        copy.deepcopy,
        lambda net: pickle.loads(pickle.dumps(net)),
        lambda net: net.float().double(),
        lambda net: net.to(memory_format=torch.channels_last),
        lambda net: copy.deepcopy(net).requires_grad_(False),
    ],
    ids=["deepcopy", "pickle", "types", "layout", "frozen"],
)
def test_copies_share_too(change):
    net = tiny_net()
    x = random_input(net)
    changed = change(net)
    assert_shared(changed)
    assert_close(changed(x), by_hand(changed, x), "logits")
    with torch.no_grad():
        holder(changed, "conv").weight.mul_(0.5)
    assert_close(changed(x), by_hand(changed, x), "logits")


def test_weights_that_are_exchanged_serve_both():
    net, other = tiny_net(), LoopyNet(tiny(TEXT)).double()
    x = random_input(net)
    other.load_state_dict(net.state_dict(), assign=True)
    assert_shared(other)
    assert torch.equal(other(x), net(x))
    with torch.device("meta"):
        empty = LoopyNet(tiny(TEXT))
    empty.double().to_empty(device="cpu").load_state_dict(net.state_dict())
    assert_shared(empty)
    assert torch.equal(empty(x), net(x))
    weights = {key: 2 * value for key, value in net.named_parameters()}
    doubled = torch.func.functional_call(net, weights, (x,))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2)
    assert torch.equal(doubled, net(x))


def test_nothing_is_drawn_for_a_layer_that_shares():
    torch.manual_seed(0)
    layers = LoopyNet(tiny(TEXT)).layers
    torch.manual_seed(0)
    mix = tiny(TEXT).layers["mix"].build((4, 4, 4))  # the first that has weights of its own
    assert torch.equal(layers["mix"].op.weight, mix.weight)


def test_untied_each_use_has_its_own():
    net = tiny_net()
    untied = net.untie()
    x = random_input(net)
    assert_close(untied(x), net(x), "logits", 1e-12)
    assert untied.graph.shared == {"fc": "neck"}
    net(x).square().sum().backward()
    untied(x).square().sum().backward()
    own = {key: value for key, value in gradients(untied).items() if value.dim() == 4}
    names = {key: key.split(".")[1].partition("@")[0] for key in own}
    kernels = [v for key, v in own.items() if names[key] in ("first", "conv", "turn")]
    assert len(kernels) == 1 + 3 + 3
    assert_close(sum(kernels), holder(net, "conv").weight.grad, "kernel")
    assert_close(holder(untied, "neck").weight.grad, holder(net, "neck").weight.grad, "neck")
    assert_close(untied.untie()(x), net(x), "untied twice", 1e-12)


def test_recompute_gives_the_same_gradient():
    net, other = tiny_net(), tiny_net()
    x = random_input(net)
    net(x).square().sum().backward()
    other(x, gradient=Recompute()).square().sum().backward()
    assert_all_close(gradients(net), gradients(other), 1e-12)


def test_a_distributed_step_has_the_same_gradient(tmp_path):
    net, other = tiny_net(), tiny_net()
    x = random_input(net)
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        nn.parallel.DistributedDataParallel(other)(x).square().sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    net(x).square().sum().backward()
    assert_all_close(gradients(net), gradients(other), 1e-12)


def test_compiled_layers_give_the_same():
    net, other = tiny_net(), tiny_net().compile_layers()
    x = random_input(net)
    net(x).square().sum().backward()
    other(x).square().sum().backward()
    assert_all_close(gradients(net), gradients(other), 1e-9)


def test_graph_program_and_onnx(tmp_path):
    net = tiny_net().float().eval()
    x = random_input(net).float()
    graph = to_fx(net)
    assert torch.equal(graph(x), net(x))
    assert graph.code.count("self.layers.conv.op.weight") == 1
    assert {n.meta["loopynet"] for n in graph.graph.nodes if n.op == "get_attr"} == {"conv", "neck"}
    program = to_program(net)
    assert_close(program.module()(x)[0], net(x), "program", 1e-5)
    assert len(program.state_dict) == 5
    assert not program.constants
    file = tmp_path / "net.onnx"
    to_onnx(net, file)  # compares its results with the network's
    assert file.is_file()


def test_other_operations_are_refused():
    with pytest.raises(LoopyNetError, match="cannot share the weights of a Bilinear"):
        borrow(nn.Bilinear(2, 2, 2), nn.Conv2d(2, 2, 1))

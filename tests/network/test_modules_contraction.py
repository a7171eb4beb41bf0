"""Bounded weights: the true norm of the operator, its gradient, and loops that contract."""

import copy
import warnings

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from loopynet import Conv2d, ConvTranspose2d, Dense, LoopyNet, LoopyNetWarning, NetworkSpec
from loopynet.errors import LoopyNetError, SpecError
from loopynet.explain.passes import pass_function
from loopynet.graph import costs
from loopynet.modules.contraction import Bounded, advance, contract, vectors_of
from loopynet.modules.gradient import Full, Implicit, Recompute, Truncated
from loopynet.network import Converged
from reference.strategies import documents, tiny
from reference.values import (
    assert_all_close,
    assert_close,
    gradients,
    random_input,
    random_net,
    weighed,
)

OPERATIONS = [
    (Conv2d(filters=3), (2, 5, 4)),
    (Conv2d(filters=4, size=[2, 3], stride=2, bias=False), (2, 5, 6)),
    (Conv2d(filters=4, size=4, padding=2, groups=2), (2, 5, 4)),
    (Conv2d(filters=2, padding="valid", dilation=2), (3, 6, 5)),
    (ConvTranspose2d(filters=3), (2, 3, 4)),
    (ConvTranspose2d(filters=4, size=4, stride=2, groups=2), (2, 3, 4)),
    (ConvTranspose2d(filters=2, size=2, stride=3), (2, 3, 2)),
    (ConvTranspose2d(filters=2, size=3, stride=2, padding="valid"), (2, 3, 2)),
    (Dense(units=4), (2, 3, 2)),
    (Dense(units=4), (7,)),
]


def matrix(op, shape):
    """Return the linear part of an operation as a dense matrix, [outputs, inputs]."""
    size = torch.Size(shape).numel()
    zero = op(torch.zeros(1, *shape, dtype=torch.float64))
    return (op(torch.eye(size).double().reshape(size, *shape)) - zero).flatten(1).T


@pytest.mark.parametrize(("layer", "shape"), OPERATIONS, ids=lambda value: str(value)[:60])
def test_the_norm_is_that_of_the_operator_on_its_input(layer, shape):
    torch.manual_seed(0)
    op = layer.build(shape).double()
    exact = torch.linalg.matrix_norm(matrix(op, shape), 2).detach()
    for bound in (0.5 * exact.item(), 2 * exact.item()):
        bounded = copy.deepcopy(op)
        contract(bounded, shape, bound)
        advance(bounded, 1000)
        (found,) = (m for m in bounded.modules() if isinstance(m, Bounded))
        weight = next(p for p in bounded.parameters() if p.dim() > 1)
        assert_close(found.norm(weight).detach(), exact, "norm", 1e-5)
        factor = min(1.0, bound / exact.item())
        assert_close(matrix(bounded, shape), factor * matrix(op, shape), "operator", 1e-5)
        if factor == 1:
            assert torch.equal(found(weight), weight)  # untouched


@pytest.mark.parametrize(("layer", "shape"), OPERATIONS[:6] + OPERATIONS[-1:], ids=str)
def test_the_gradient_goes_through_the_norm(layer, shape):
    torch.manual_seed(0)
    op = layer.build(shape).double()
    bounded = copy.deepcopy(op)
    contract(bounded, shape, 0.7)
    with torch.no_grad():
        next(p for p in bounded.parameters() if p.dim() > 1).mul_(3)
        next(p for p in op.parameters() if p.dim() > 1).mul_(3)
    plain = matrix(op, shape)
    (found,) = (m for m in bounded.modules() if isinstance(m, Bounded))
    found.vector = torch.linalg.svd(plain.detach()).Vh[0].reshape(1, *shape)  # settled exactly
    weighed(plain * 0.7 / torch.linalg.matrix_norm(plain, 2)).backward()
    weighed(matrix(bounded, shape)).backward()
    wanted = next(p.grad for p in op.parameters() if p.dim() > 1)
    gradient = next(p.grad for p in bounded.parameters() if p.dim() > 1)
    assert_close(gradient, wanted, "gradient", 1e-9)


def test_gradcheck():
    torch.manual_seed(0)
    op = Conv2d(filters=2, stride=2, size=2).build((2, 3, 4)).double()
    contract(op, (2, 3, 4), 0.1)
    (bounded,) = (m for m in op.modules() if isinstance(m, Bounded))
    weight = torch.randn(2, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(bounded, (weight,))


def test_a_weight_of_zeros_stays_and_learns():
    op = Dense(units=3).build((4,))
    contract(op, (4,), 0.5)
    with torch.no_grad():
        op.parametrizations.weight.original.zero_()
    advance(op)
    op(torch.ones(2, 4)).sum().backward()
    gradient = op.parametrizations.weight.original.grad
    assert torch.equal(gradient, torch.full((3, 4), 2.0))
    assert vectors_of(op)[0][1].isfinite().all()


def contractable(document, bound, damping):
    """Return the document with nothing in it but what the bound covers, all loops damped alike."""
    document = copy.deepcopy(document)
    document.pop("norm", None)
    document["unroll"] = {"steps": max(document["unroll"]["steps"], 3), "contract": bound}
    for name, layer in document["layers"].items():
        layer.pop("norm", None)
        layer.pop("weights_of", None)
        plain = {"type": "identity"} if layer["type"] == "norm" else layer
        activation = layer.get("activation", "linear")
        if activation not in ("linear", "relu", "tanh", "sigmoid", "softplus"):
            plain["activation"] = "relu"
        document["layers"][name] = plain
    for kind in ("loops", "skips"):
        for edge in document.get(kind, {}).values():
            edge.pop("delay", None)
            edge.pop("damping", None)
            if kind == "loops" and damping < 1:
                edge["damping"] = damping
            if edge["merge"] not in ("sum", "mean", "max", "concat"):
                edge["merge"] = "sum"
    return document


def dense_jacobian(net, x, after):
    carry, run = pass_function(net, x, after)
    return torch.autograd.functional.jacobian(run, carry).reshape(carry.shape[1], carry.shape[1])


@settings(deadline=None, max_examples=20)
@given(
    document=documents(least_loops=1, least_steps=2),
    bound=st.sampled_from((0.5, 0.9, 2.0)),
    damping=st.sampled_from((1.0, 1.0, 0.4)),
    seed=st.integers(0, 9),
)
def test_one_pass_enlarges_nothing_by_more_than_the_bound(document, bound, damping, seed):
    spec = NetworkSpec.model_validate(contractable(document, bound, damping))
    try:
        net = random_net(spec, seed)
    except SpecError as error:
        assert "no bound of weights achieves it" in str(error)  # noqa: PT017
        assume(False)
    cost = costs(net.graph)
    assert cost.parameters == sum(p.numel() for p in net.parameters())
    assert cost.statistics == sum(b.numel() for b in net.buffers())
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(5)
    advance(net, 100)
    jacobian = dense_jacobian(net.eval(), random_input(net, 1), 2)
    most = 1 - damping + damping * bound
    assert torch.linalg.matrix_norm(jacobian, 2) <= most * (1 + 1e-2)


LOOPS = """
input: {shape: [2, 5, 4]}
layers:
  stem: {type: conv2d, filters: 3}
  conv_1: {type: conv2d, filters: 3, activation: relu}
  conv_2: {type: conv2d, filters: 4, size: 2, activation: relu}
  fc: {type: dense, units: 3}
  way: {type: conv2d, filters: 3}
main: [stem, conv_1, conv_2, fc]
loops:
  back: {from: conv_2, to: conv_1, through: [way]}
  slow: {from: conv_2, to: conv_2, fit: project}
skips:
  over: {from: conv_1, to: conv_2, fit: project}
unroll: {steps: 4, contract: 0.8}
"""


def large(**changes) -> LoopyNet:
    """Return a network whose weights are far above their bounds, the norms of which are known."""
    net = random_net(tiny(LOOPS, **changes))
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4 if p.dim() > 1 else 1)
    advance(net, 500)
    return net


def test_the_bound_is_reached_where_there_is_one_way_only():
    text = LOOPS.replace("  slow: {from: conv_2, to: conv_2, fit: project}\n", "")
    net = random_net(tiny(text.replace("relu", "linear"), skips={}))
    assert net.graph.weight_bound == pytest.approx(0.8 ** (1 / 3))
    deep = 0.8 ** (1 / 3)
    assert net.layers["way"].op.parametrizations.weight[0].bound == pytest.approx(deep)
    assert not hasattr(net.layers["stem"].op, "parametrizations")
    assert not hasattr(net.layers["fc"].op, "parametrizations")


def test_delays_keep_the_spectral_radius_below_one():
    loops = {
        "back": {"from": "conv_2", "to": "conv_1", "through": ["way"], "delay": 3},
        "slow": {"from": "conv_2", "to": "conv_2", "fit": "project", "delay": 2},
    }
    net = large(loops=loops, unroll={"steps": 8, "contract": 0.8, "schedule": "parallel"}).eval()
    jacobian = dense_jacobian(net, random_input(net, 1), 6)
    assert torch.linalg.eigvals(jacobian).abs().max() < 1
    assert torch.linalg.matrix_norm(jacobian, 2) > 1


def test_what_contracts_converges():
    net = large()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error", LoopyNetWarning)
        outcome = net.eval().run(random_input(net), Converged(1e-9, 200))
    assert outcome.converged.all()


def test_without_the_bound_it_does_not():
    net = LoopyNet(tiny(LOOPS, unroll={"steps": 4})).double()
    bounded = large()
    state = {
        key.replace("parametrizations.", "").replace(".original", ""): value
        for key, value in bounded.state_dict().items()
        if not key.endswith("vector")
    }
    net.load_state_dict(state)
    with torch.no_grad(), pytest.warns(LoopyNetWarning, match=r"unroll\.contract"):
        net.eval().run(random_input(net), Converged(1e-9, 200))


def gradients_of(net: LoopyNet, x: torch.Tensor, **options):
    """Return all gradients of one training call that begins with the network as it is now."""
    net = copy.deepcopy(net).train()
    x = x.clone().requires_grad_()
    weighed(net(x, **options)).backward()
    return {**gradients(net), "x": x.grad}


def test_the_implicit_gradient_is_that_of_many_unrolls():
    net = large()
    x = random_input(net)
    stop = Converged(1e-13, 500)
    found = gradients_of(net, x, stop=stop, gradient=Implicit(1e-13, 500))
    assert_all_close(found, gradients_of(net, x, unrolls=150), 1e-8)


def test_recomputed_gradients_are_the_full_ones():
    net = random_net(tiny(LOOPS))  # the vectors have not settled: each step changes the weights
    x = random_input(net)
    full = gradients_of(net, x, gradient=Full())
    assert_all_close(gradients_of(net, x, gradient=Recompute()), full, 1e-12)
    assert_all_close(gradients_of(net, x, gradient=Truncated(4)), full, 1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"gradient": Full()},
        {"gradient": Recompute()},
        {"stop": Converged(1e-13, 500), "gradient": Implicit(1e-13, 500)},
    ],
    ids=str,
)
def test_a_call_in_between_changes_no_gradient(options):
    net = random_net(tiny(LOOPS)).train()
    x = random_input(net)
    wanted = gradients_of(net, x, **options)
    x.requires_grad_()
    logits = net(x, **options)
    before = vectors_of(net)
    net(x.detach())
    moved = vectors_of(net)
    weighed(logits).backward()
    assert_all_close({**gradients(net), "x": x.grad}, wanted, 1e-12)
    assert any(not torch.equal(a, b) for (_, a), (_, b) in zip(before, moved, strict=True))
    for (_, a), (_, b) in zip(moved, vectors_of(net), strict=True):
        assert torch.equal(a, b)  # going back moved nothing


def test_vectors_move_once_in_each_training_call():
    first = random_net(tiny(LOOPS)).train()
    x = random_input(first)
    ends = []
    for options in ({"unrolls": 2}, {"unrolls": 5}, {"stop": Converged(1e-6, 90)}):
        net = copy.deepcopy(first)
        weighed(net(x, **options)).backward()
        ends.append([vector for _, vector in vectors_of(net)])
    by_hand = copy.deepcopy(first)
    advance(by_hand)
    for end in ends:
        for vector, (_, wanted) in zip(end, vectors_of(by_hand), strict=True):
            assert torch.equal(vector, wanted)
    net.eval()(x)
    net.run(x, Converged(1e-6, 90))
    for (_, vector), wanted in zip(vectors_of(net), ends[-1], strict=True):
        assert torch.equal(vector, wanted)


def test_a_tied_network_and_its_copies_agree():
    net = large().eval()
    x = random_input(net)
    copies = net.untie()
    assert_close(copies(x), net(x), "logits")
    cost = costs(copies.graph)
    assert cost.parameters == sum(p.numel() for p in copies.parameters())
    assert cost.statistics == sum(b.numel() for b in copies.buffers())


def test_saved_values_go_on_as_if_nothing_had_been():
    net = large().train()
    other = LoopyNet(net.spec).double().train()
    other.load_state_dict(net.state_dict())
    third = copy.deepcopy(net)
    x = random_input(net)
    for _ in range(3):
        for each in (net, other, third):
            each.zero_grad()
            weighed(each(x)).backward()
            with torch.no_grad():
                for p in each.parameters():
                    p.sub_(0.1 * p.grad if p.grad is not None else 0)
    for each in (other, third):
        for key, value in net.state_dict().items():
            assert torch.equal(each.state_dict()[key], value), key


def test_the_first_weights_are_those_without_a_bound():
    torch.manual_seed(0)
    bounded = LoopyNet(tiny(LOOPS))
    torch.manual_seed(0)
    plain = LoopyNet(tiny(LOOPS, unroll={"steps": 4}))
    original = bounded.layers["way"].op.parametrizations.weight.original
    assert torch.equal(original, plain.layers["way"].op.weight)
    assert torch.equal(bounded.layers["fc"].op.weight, plain.layers["fc"].op.weight)


def test_a_compiled_network_is_the_same_and_is_compiled_once():
    net = random_net(tiny(LOOPS)).train()
    other, x = copy.deepcopy(net), random_input(net)
    compiled = torch.compile(net, backend="aot_eager")
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(3):
            assert_close(compiled(x), other(x), "logits")
    for (_, found), (_, wanted) in zip(vectors_of(net), vectors_of(other), strict=True):
        assert_close(found, wanted, "vector")


def test_mixed_precision_and_the_meta_device():
    with torch.device("meta"):
        assert LoopyNet(tiny(LOOPS)).layers["way"].op.weight.is_meta
    net = large().float().train()
    x = random_input(net).float()
    found = copy.deepcopy(net)
    with torch.autocast("cpu", torch.bfloat16):
        found(x)
    net(x)
    for (_, a), (_, b) in zip(vectors_of(net), vectors_of(found), strict=True):
        assert torch.equal(a, b)


def test_loops_without_weights_are_refused():
    with pytest.raises(SpecError, match="no bound of weights achieves it"):
        LoopyNet(tiny(LOOPS, loops={"own": {"from": "pool", "to": "pool"}}, skips={},
                      layers={"stem": {"type": "conv2d", "filters": 3},
                              "pool": {"type": "identity", "activation": "relu"},
                              "fc": {"type": "dense", "units": 3}},
                      main=["stem", "pool", "fc"]))  # fmt: skip


def test_only_known_operations_can_be_bounded():
    with pytest.raises(LoopyNetError, match="cannot bound a Bilinear"):
        contract(torch.nn.Bilinear(2, 2, 2), (2,), 0.5)

"""Maps of filters against an independent interpreter, and many at once against one by one."""

import threading
import warnings

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from loopynet import LoopyNet, LoopyNetError, LoopyNetWarning, NetworkSpec, load_spec
from loopynet.explain import deconvnet, gradient, guided_backprop
from reference.rectifiers import RULES, explained, has_near_ties
from reference.strategies import documents
from reference.values import assert_close, random_input, random_net

METHODS = {"gradient": gradient, "guided_backprop": guided_backprop, "deconvnet": deconvnet}


@st.composite
def rectified(draw: st.DrawFn, **limits: int):
    """A random document in which every other activation is a ReLU."""
    document = draw(documents(**limits))
    for layer in document["layers"].values():
        if draw(st.booleans()):
            layer["activation"] = "relu"
    return document


def small(*changes: str) -> LoopyNet:
    spec = load_spec("cifar10-loopy", ("input.shape=[3, 6, 5]", "layers.conv_1.filters=4",
                                       "layers.conv_2.filters=5", *changes))  # fmt: skip
    return random_net(spec).eval()


@settings(deadline=None, max_examples=120)
@given(
    document=rectified(), rule=st.sampled_from(sorted(RULES)), tied=st.booleans(),
    more=st.integers(0, 2), data=st.data(),
)  # fmt: skip
def test_every_layer_type_merge_norm_and_unroll(document, rule, tied, more, data):
    document["unroll"]["tied"] = tied
    net = random_net(NetworkSpec.model_validate(document)).eval()
    x = random_input(net, batch=2)
    unrolls = net.graph.steps + more if tied and net.graph.loops and more else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LoopyNetWarning)
        assume(not has_near_ties(net, x, unrolls))
        trace = net.trace(x, unrolls=unrolls)
        for at in data.draw(st.sets(st.sampled_from(sorted(trace)), min_size=1, max_size=3)):
            filters = trace[at].shape[1]
            maps = METHODS[rule](net, x, at, None, unrolls=unrolls)
            assert maps.shape == (filters, *x.shape)
            filter = data.draw(st.integers(0, filters - 1))
            wanted = explained(rule, document, net, x, at, filter, unrolls=unrolls)
            assert_close(maps[filter], wanted, f"{rule} of {at}")


NORMS = [("none", "shared"), *((k, o) for k in ("batch", "group", "layer")
                               for o in ("shared", "per_step", "per_step_statistics"))]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("norm", NORMS, ids="-".join)
def test_the_published_network_at_each_unroll_with_each_norm(rule, norm):
    changes = (f"norm.type={norm[0]}", f"norm.over_time={norm[1]}")
    net = small(*changes)
    document = net.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    x, sizes = random_input(net), []
    for at in ("conv_1@1", "conv_2@2", "conv_2@3", "feedback@3", "fc_1@2"):
        maps = METHODS[rule](net, x, at, [0, 2])
        for row, filter in enumerate((0, 2)):
            wanted = explained(rule, document, net, x, at, filter)
            sizes.append(wanted.abs().max().item())
            assert_close(maps[row], wanted, at)
    assert max(sizes) > 1e-2


@pytest.mark.parametrize("rule", RULES)
def test_a_single_neuron(rule):
    net = small()
    document = net.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    x = random_input(net)
    ours = METHODS[rule](net, x, "conv_2@2", 1, position=(3, 4))
    assert_close(ours, explained(rule, document, net, x, "conv_2@2", 1, (3, 4)), rule)
    assert ours.abs().sum() < METHODS[rule](net, x, "conv_2@2", 1).abs().sum()


def test_the_three_rules_differ():
    net = small()
    x = random_input(net)
    maps = [method(net, x, "conv_2@3", 1) for method in METHODS.values()]
    assert all((a - b).abs().max() > 1e-3 for a, b in zip(maps, maps[1:] + maps[:1], strict=True))


def test_many_targets_are_the_same_as_one_by_one():
    net = small()
    x = random_input(net, batch=19)  # more than run at once
    names = ["conv_2@1", "conv_2@3"]
    together = guided_backprop(net, x, names, slice(1, 4))
    assert together.shape == (2, 3, *x.shape)
    for a, at in enumerate(names):
        for f in range(3):
            assert_close(together[a, f], guided_backprop(net, x, at, 1 + f), f"{at} {1 + f}")
    assert guided_backprop(net, x, names, 0).shape == (2, *x.shape)
    assert guided_backprop(net, x, "conv_2@1", None).shape == (5, *x.shape)
    with pytest.raises(LoopyNetError, match="unequally many filters"):
        guided_backprop(net, x, ["conv_1@1", "conv_2@1"], None)


def test_memory_formats_types_and_empty_batches():
    net = small()
    x = random_input(net)
    wanted = guided_backprop(net, x, "conv_2@2", None)
    last = x.to(memory_format=torch.channels_last)
    assert_close(guided_backprop(net, last, "conv_2@2", None), wanted, "channels_last")
    single = guided_backprop(net.float(), x.float(), "conv_2@2", None)
    assert single.dtype == torch.float32
    assert_close(single.double(), wanted, "float32", 1e-4)
    assert guided_backprop(net, x[:0].float(), "conv_2@2", 0).shape == (0, 3, 6, 5)


def test_logits_are_the_last_layer():
    net, x = small(), random_input(small())
    assert torch.equal(gradient(net, x, "logits@2", 3), gradient(net, x, "fc_1@2", 3))


def test_inside_no_grad_and_inference_mode():
    net, x = small(), random_input(small())
    wanted = guided_backprop(net, x, "conv_2@2")
    with torch.no_grad():
        assert torch.equal(guided_backprop(net, x, "conv_2@2"), wanted)
    with torch.inference_mode():
        assert torch.equal(guided_backprop(net, x * 1, "conv_2@2"), wanted)


def test_a_network_without_rectifiers_warns():
    changes = [f"layers.conv_{i}.activation=tanh" for i in (1, 2, 3)]
    net = small(*changes)
    x = random_input(net)
    with pytest.warns(
        LoopyNetWarning, match="no rectifier.*conv_2@2: guided_backprop is the plain"
    ):
        maps = guided_backprop(net, x, "conv_2@2")
    assert_close(maps, gradient(net, x, "conv_2@2"), "both")


def test_training_mode_is_refused():
    net = small()
    net.layers["conv_2"].train()
    with pytest.raises(LoopyNetError, match=r"training mode.*net\.eval\(\)"):
        guided_backprop(net, random_input(net), "conv_2@2")


def test_images_of_another_type_are_refused():
    net = small()
    with pytest.raises(LoopyNetError, match=r"float64.*images are torch\.uint8"):
        gradient(net, torch.zeros(1, 3, 6, 5, dtype=torch.uint8), "conv_2@2")
    with pytest.raises(LoopyNetError, match="takes inputs"):
        gradient(net, torch.zeros(1, 3, 5, 5).double(), "conv_2@2")


def state(net):
    return (
        {key: (value.clone(), value.data_ptr()) for key, value in net.state_dict().items()},
        [module.training for module in net.modules()],
        [(p.requires_grad, p.grad) for p in net.parameters()],
        [id(module) for module in net.modules()],
        [len(m._forward_hooks) + len(m._backward_hooks) for m in net.modules()],
        [set(vars(m)) for m in net.modules()],
    )


def test_nothing_of_the_network_or_the_images_changes():
    net, x = small(), random_input(small()).requires_grad_()
    tensors, *rest = state(net)
    before = x.detach().clone()
    for method in METHODS.values():
        method(net, x, ["conv_2@3", "conv_2@1"], None)
    after, *rest_after = state(net)
    assert rest == rest_after
    assert all(torch.equal(after[k][0], v) and after[k][1] == p for k, (v, p) in tensors.items())
    assert x.grad is None
    assert x.requires_grad
    assert torch.equal(x, before)


def test_another_thread_gets_plain_gradients_meanwhile():
    net, x = small(), random_input(small())

    def plain():
        net.zero_grad()
        leaf = x.clone().requires_grad_()
        functional.relu(net(leaf)).sum().backward()
        return [leaf.grad, *(p.grad.clone() for p in net.parameters())]

    wanted = plain()
    guided = guided_backprop(net, x, "conv_2@3", None)
    done, found, errors = threading.Event(), [], []

    def work():
        try:
            while not done.is_set() or len(found) < 5:
                found.append(plain())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(10):
        assert torch.equal(guided_backprop(net, x, "conv_2@3", None), guided)
    done.set()
    thread.join()
    assert not errors
    assert len(found) >= 5
    for each in found:
        assert all(torch.equal(a, b) for a, b in zip(each, wanted, strict=True))

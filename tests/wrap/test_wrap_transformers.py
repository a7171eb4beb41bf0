"""Models that we did not write: Hugging Face's ResNet, ConvNeXt and vision transformer."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from loopynet import Conv2d, Loop, Recompute, add_loops, explain

transformers = pytest.importorskip("transformers")


def resnet() -> nn.Module:
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12, 16, 20], depths=[1, 2, 1, 1], num_labels=4
    )
    return transformers.ResNetForImageClassification(config)


def convnext() -> nn.Module:
    config = transformers.ConvNextConfig(
        hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 2, 1], num_labels=4, image_size=32
    )
    return transformers.ConvNextForImageClassification(config)


def vit() -> nn.Module:
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24,
        image_size=32, patch_size=8, num_labels=4,
    )  # fmt: skip
    return transformers.ViTForImageClassification(config)


STAGES = {
    resnet: ("resnet.encoder.stages.3", "resnet.encoder.stages.1"),
    convnext: ("convnext.encoder.stages.2", "convnext.encoder.stages.1"),
    vit: ("vit.layers.2", "vit.layers.1"),
}
MODELS = pytest.mark.parametrize("make", list(STAGES), ids=lambda make: make.__name__)


def made(make: object) -> nn.Module:
    torch.manual_seed(0)
    return make().eval()


def images() -> Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def loop(make: object, **options: object) -> Loop:
    source, target = STAGES[make]
    return Loop(from_=source, to=target, fit="project", **options)


@MODELS
@pytest.mark.parametrize("merge", ["sum", "mul", "modulate", "gate", "concat"])
def test_logits_are_the_models_own_at_the_start(make: object, merge: str) -> None:
    model, x = made(make), images()
    expected = model(x).logits
    net = add_loops(model, [loop(make, merge=merge)], 3)  # the configuration says the input
    assert torch.equal(net(x).logits, expected)
    assert torch.equal(net(pixel_values=x, unrolls=1).logits, expected)
    assert net(x, readout="each").logits.shape == (3, 4, 4)
    assert list(model.state_dict()) == list(made(make).state_dict())


@MODELS
def test_two_unrolls_equal_hooks_by_hand(make: object) -> None:
    """The same with the model's modules, one pass after the other, wired by hand."""
    model, x = made(make), images()
    net = add_loops(model, [loop(make, merge="sum")], start="full")
    edge = net.loops.loop_1
    source, target = (model.get_submodule(path) for path in STAGES[make])
    kept = []
    handle = source.register_forward_hook(lambda m, args, output: kept.append(output))
    inputs = []
    look = target.register_forward_pre_hook(lambda m, args: inputs.append(args[0]))
    model(x)
    handle.remove()
    look.remove()
    signal = edge.signal(kept[0], inputs[0], 1)
    add = target.register_forward_pre_hook(lambda m, args: (args[0] + signal, *args[1:]))
    expected = model(x).logits
    add.remove()
    assert not torch.equal(expected, model(x).logits)
    torch.testing.assert_close(net(x).logits, expected)


@MODELS
def test_the_loss_falls_with_the_backbone_frozen(make: object) -> None:
    layers = {"mix": nn.Linear(16, 16) if make is vit else Conv2d(filters=12, activation="relu")}
    loops = [loop(make, through=("mix",))]
    net = add_loops(made(make), loops, 3, layers=layers, freeze="backbone").train()
    before = copy.deepcopy(net.backbone.state_dict())
    x, labels = images(), torch.tensor([0, 1, 2, 3])
    optimizer = torch.optim.Adam((p for p in net.parameters() if p.requires_grad), 0.05)
    losses = []
    for _ in range(30):
        loss = net(pixel_values=x, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert all(torch.equal(v, before[k]) for k, v in net.backbone.state_dict().items())


@MODELS
def test_compiled_exported_and_copied(make: object) -> None:
    net, x = add_loops(made(make), [loop(make)], start="full"), images()
    expected = net(x).logits
    if make is resnet:
        compiled = torch.compile(net, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(x).logits, expected)
    program = torch.export.export(net, (x,))
    torch.testing.assert_close(program.module()(x).logits, expected)
    torch.testing.assert_close(copy.deepcopy(net)(x).logits, expected)


@MODELS
def test_recompute_gives_the_full_gradient(make: object) -> None:
    net, x = add_loops(made(make), [loop(make)], 3, start="full").train(), images()
    found = []
    for mode in (None, Recompute()):
        net.zero_grad()
        net(x, gradient=mode).logits.square().sum().backward()
        found.append([p.grad for p in net.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_hidden_states_are_those_of_each_pass() -> None:
    """transformers collects them by hooks of its own."""
    model, x = made(vit), images()
    net = add_loops(model, [loop(vit)], start="full")
    for _ in range(2):
        each = net(x, readout="each", output_hidden_states=True).hidden_states
        assert [tuple(h.shape) for h in each] == [(2, 4, 17, 16)] * 4
        own = model(x, output_hidden_states=True).hidden_states
        assert all(torch.equal(h[0], o) for h, o in zip(each, own, strict=True))


def test_guided_backpropagation_at_an_unroll() -> None:
    """Against a model whose rectifiers are hooked by hand, with a loop written by hand."""
    model, x = made(resnet), images()
    layers = {"mix": Conv2d(filters=12, size=1)}
    net = add_loops(model, [loop(resnet, through=("mix",))], start="full", layers=layers)
    found = explain.guided_backprop(net, x, "logits@2", filter=1)
    hooks = []

    def rectify(module: nn.Module, grads: tuple, outputs: tuple) -> tuple:
        return (grads[0].clamp(min=0),)

    for module in model.modules():
        if isinstance(module, nn.ReLU):
            hooks.append(module.register_full_backward_hook(rectify))
    x = x.requires_grad_()
    net(x).logits[:, 1].sum().backward()
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(found, x.grad, rtol=1e-4, atol=1e-6)
    plain = torch.autograd.grad(net(x).logits[:, 1].sum(), x)[0]
    torch.testing.assert_close(explain.gradient(net, x, "logits@2", 1), plain, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(plain, found)

"""A wrapped model computes what the loops say, and keeps nothing of a call."""

from __future__ import annotations

import copy
import io
import threading

import pytest
import torch
from small_models import IDS, Stack, by_hand, encoder, images, stack
from torch import nn

from loopynet import (
    Each,
    Full,
    Implicit,
    Loop,
    LoopyModel,
    LoopyNetError,
    Recompute,
    Truncated,
    add_loops,
)

LOOP = Loop(from_="high", to="mid", merge="modulate", fit="project")


def wrapped(model: nn.Module | None = None, gain: float = 0.7, **options: object) -> LoopyModel:
    model = stack() if model is None else model
    net = add_loops(model, [LOOP], 3, example=images(), **options)
    if net.loops.loop_1.gain is not None:
        net.loops.loop_1.gain.data.fill_(gain)
    return net


def hand(net: LoopyModel, x: torch.Tensor, unrolls: int = 3, gain: float = 0.7) -> list:
    return by_hand(net.backbone, x, unrolls, net.loops.loop_1.mix.mix, gain)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("unrolls", [1, 2, 3, 5])
def test_it_computes_what_is_written_by_hand(inplace: bool, unrolls: int) -> None:
    """A loop keeps its source's output as it was, though the model rectifies it in place."""
    net, x = wrapped(stack(inplace)), images()
    each = net(x, unrolls=unrolls, readout="each")
    torch.testing.assert_close(each, torch.stack(hand(net, x, unrolls)), rtol=1e-12, atol=1e-12)
    assert torch.equal(net(x, unrolls=unrolls), each[-1])


@pytest.mark.parametrize("initial", ["absent", "one"])
def test_a_damped_loop_carries_a_share_of_the_signal_before(initial: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh()).double()
    loop = Loop(from_="1", to="0", damping=0.3, initial=initial)
    x = torch.randn(2, 3, dtype=torch.float64)
    net = add_loops(model, [loop], 4, example=x, start="full")
    carried = torch.ones_like(x) if initial == "one" else None
    expected = []
    for _ in range(4):
        expected.append(model(x if carried is None else x + carried))
        new = expected[-1]
        carried = new if carried is None else 0.3 * new + 0.7 * carried
    torch.testing.assert_close(net(x, readout="each"), torch.stack(expected), rtol=1e-12, atol=0)
    assert net.graph.loops[0].damping == 0.3


def test_inputs_of_another_size_than_the_example() -> None:
    net, x = wrapped(), images(size=13)
    torch.testing.assert_close(net(x), hand(net, x)[-1], rtol=1e-12, atol=1e-12)


def test_a_full_start_is_a_gain_of_one_without_a_parameter() -> None:
    net, x = wrapped(start="full"), images()
    assert net.loops.loop_1.gain is None
    torch.testing.assert_close(net(x), hand(net, x, gain=1)[-1], rtol=1e-12, atol=1e-12)


def test_gradients_of_all_modes() -> None:
    net, x = wrapped(), images().requires_grad_()
    gain = net.loops.loop_1.gain
    expected = torch.autograd.grad(
        hand(net, x, gain=gain)[-1].square().sum(), [x, *net.parameters()]
    )
    for mode in (None, Full(), Recompute(), Truncated(3)):
        loss = net(x, gradient=mode).square().sum()
        found = torch.autograd.grad(loss, [x, *net.parameters()])
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_truncated_cuts_the_signal() -> None:
    net, x = wrapped(), images()
    net(x, gradient=Truncated(1)).sum().backward()
    assert net.loops.loop_1.gain.grad is not None
    assert net.loops.loop_1.mix.mix.weight.grad is None  # its pass had no graph


def test_recompute_repeats_dropout_and_counts_statistics_once() -> None:
    def model() -> nn.Module:
        torch.manual_seed(0)
        layers = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Flatten()
        return nn.Sequential(*layers, nn.Linear(128, 2)).double()

    found = []
    for mode in (Full(), Recompute()):
        net = add_loops(model(), [Loop(from_="2", to="1")], example=images(), start="full")
        torch.manual_seed(3)
        net(images(), gradient=mode).sum().backward()
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        found.append([*gradients, *net.buffers()])
    assert len(found[0]) == len(found[1]) > 6
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_a_delay_of_two() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh()).double()
    net = add_loops(model, [Loop(from_="1", to="0", delay=2)], 4, start="full")
    x = torch.randn(2, 3, dtype=torch.float64)
    first, second, third, fourth = net(x, readout=Each())
    assert torch.equal(first, second)
    torch.testing.assert_close(third, model(x + first))
    torch.testing.assert_close(fourth, model(x + second))


@pytest.mark.parametrize(("initial", "value"), [("zero", 0.0), ("one", 1.0)])
def test_an_initial_signal(initial: str, value: float) -> None:
    model = nn.Sequential(nn.Linear(3, 3)).double()
    net = add_loops(model, [Loop(from_="0", to="0", merge="mul", initial=initial)], start="full")
    x = torch.randn(2, 3, dtype=torch.float64)
    torch.testing.assert_close(net(x, unrolls=1), model(x * value))


def test_loops_into_one_module_merge_in_order() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).double()
    loops = {"add": Loop(from_="0", to="0"), "scale": Loop(from_="1", to="0", merge="mul")}
    net, x = add_loops(model, loops, start="full"), torch.randn(2, 3, dtype=torch.float64)
    torch.testing.assert_close(net(x), model((x + model[0](x)) * model(x)))


def test_structured_outputs_and_keywords() -> None:
    net = add_loops(
        encoder(), [Loop(from_="blocks.1[0]", to="blocks.0[hidden]")], example=IDS, start="full"
    )
    out = net(ids=IDS, readout="each")
    assert {key: tuple(value.shape) for key, value in out.items()} == {
        "logits": (2, 2, 2), "hidden": (2, 2, 4, 5),
    }  # fmt: skip
    assert torch.equal(out["logits"][0], net.backbone(IDS)["logits"])
    told = net.trace(IDS)
    b = net.backbone
    top = b.blocks[1](b.shared(b.blocks[0](b.embed(IDS))[0]))[0]
    torch.testing.assert_close(told["loop_1@2"], b.embed(IDS) + top)
    torch.testing.assert_close(told["output[logits]@2"], out["logits"][1])


def test_a_call_of_a_module_that_is_called_several_times() -> None:
    net = add_loops(encoder(), [Loop(from_="shared#2", to="shared#1")], example=IDS, start="full")
    b = net.backbone
    first = b.blocks[0](b.embed(IDS))[0]
    second = b.shared(b.blocks[1](b.shared(first))[0])
    told = net.trace(IDS)
    torch.testing.assert_close(told["shared#1@2"], b.shared(first + second))
    assert "shared@1" not in told


def test_the_models_inputs_are_left_alone() -> None:
    """A model may change its input in place; the next pass gets what was given."""

    class Shift(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor, seen: list[int]) -> torch.Tensor:
            seen.append(1)
            x -= 1
            return self.layer(x) + len(seen)

    net = add_loops(Shift(), [Loop(from_="layer", to="layer")], 3, example=(torch.ones(1, 3), []))
    x, seen = torch.ones(1, 3), []
    torch.testing.assert_close(net(x, seen), net.backbone.layer(torch.zeros(1, 3)) + 1)
    assert torch.equal(x, torch.ones(1, 3))


@pytest.mark.parametrize("statistics", ["last", "each"])
def test_running_statistics(statistics: str) -> None:
    net, reference = wrapped(gain=0.0, statistics=statistics), stack()
    net.train()
    net(images())
    reference.train()
    for _ in range(1 if statistics == "last" else 3):
        reference(images())
    for name, buffer in reference.named_buffers():
        assert torch.equal(net.backbone.get_buffer(name), buffer), name


def test_the_last_pass_moves_the_statistics() -> None:
    """With a gain, the statistics are those of the batch that the last pass saw."""
    net = wrapped().train()
    before = net.backbone.mid[1].running_mean.clone()
    told = net.trace(images())
    batch = told["mid.0@3"].mean((0, 2, 3))
    torch.testing.assert_close(net.backbone.mid[1].running_mean, 0.9 * before + 0.1 * batch)


def test_trace_tells_every_module_of_every_unroll() -> None:
    net, x = wrapped(), images()
    told = net.trace(x, unrolls=2)
    names = {name.partition("@")[0] for name in told}
    assert names == {
        "low", "mid", "mid.0", "mid.1", "high", "act#1", "act#2", "act#3", "head", "loop_1",
        "output",
    }  # fmt: skip
    assert "loop_1@1" not in told
    torch.testing.assert_close(told["output@2"], hand(net, x, 2)[1], rtol=1e-12, atol=1e-12)
    a = told["act#1@2"]
    signal = net.loops.loop_1.signal(told["high@1"], a, 1)
    torch.testing.assert_close(told["loop_1@2"], a + 0.7 * a * signal)


def test_trace_shows_values_as_they_were_before_changes_in_place() -> None:
    told = wrapped(stack(inplace=True)).trace(images())
    assert (told["high@1"] < 0).any()
    assert torch.equal(told["high@1"].relu(), told["act#3@1"])


def test_nothing_is_left_of_a_call() -> None:
    net, x = wrapped(), images()

    def hooks() -> list[int]:
        return [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()]

    before, state = hooks(), copy.deepcopy(net.state_dict())
    net(x)
    net.trace(x)
    with pytest.raises(RuntimeError):
        net(images()[:, :1])
    assert hooks() == before
    assert torch.equal(net.backbone(x), stack()(x))
    for key, value in net.state_dict().items():
        assert torch.equal(value, state[key])


def test_unwrap_gives_the_model_back() -> None:
    model = stack()
    net = wrapped(model)
    assert net.unwrap() is model
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_two_wraps_of_one_model() -> None:
    model, x = stack(), images()
    a, b = wrapped(model), wrapped(model, gain=-0.4)
    torch.testing.assert_close(a(x), hand(a, x)[-1])
    torch.testing.assert_close(b(x), hand(b, x, gain=-0.4)[-1])


def test_wraps_nest() -> None:
    """A loop of the outer network around one of the inner, and one between the inner's modules."""
    inner, x = wrapped(), images()
    logits = torch.stack(hand(inner, x))
    outer = add_loops(nn.Sequential(inner, nn.Linear(3, 3).double()), [Loop(from_="1", to="1")],
                      example=x, start="full")  # fmt: skip
    y = outer.backbone[1](logits[-1])
    torch.testing.assert_close(outer(x), outer.backbone[1](logits[-1] + y))
    again = add_loops(inner, [Loop(from_="backbone.high#3", to="backbone.high#1")], example=x)
    assert torch.equal(again(x), inner(x))
    again.loops.loop_1.gain.data.fill_(1)
    assert not torch.equal(again(x), inner(x))
    with pytest.raises(LoopyNetError, match=r'"backbone.high" is called 3 times in a pass'):
        add_loops(inner, [Loop(from_="backbone.high", to="backbone.low#1")], example=x)


def test_two_threads() -> None:
    net = wrapped()
    batches = [images(n) for n in (2, 3)]
    expected = [(net(x), net.trace(x, unrolls=2)["high@2"]) for x in batches]
    wrong = []

    def work(i: int) -> None:
        for _ in range(30):
            found = net(batches[i]), net.trace(batches[i], unrolls=2)["high@2"]
            if not all(map(torch.equal, found, expected[i])):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_copies_are_independent() -> None:
    net, x = wrapped(), images()
    stored = io.BytesIO()
    torch.save(net, stored)
    stored.seek(0)
    for other in (copy.deepcopy(net), torch.load(stored, weights_only=False)):
        assert torch.equal(other(x), net(x))
        other.loops.loop_1.gain.data.fill_(0)
        assert torch.equal(other(x), net.backbone(x))
        assert other.unwrap() is not net.backbone
        assert torch.equal(net(x), hand(net, x)[-1]) or torch.allclose(net(x), hand(net, x)[-1])


def test_the_backbones_state_is_what_it_was() -> None:
    net, x = wrapped(), images()
    assert list(net.backbone.state_dict()) == list(stack().state_dict())
    other = stack()
    nn.init.normal_(other.high.weight)
    net.backbone.load_state_dict(other.state_dict())
    torch.testing.assert_close(net(x), by_hand(other, x, 3, net.loops.loop_1.mix.mix, 0.7)[-1])
    again = wrapped(gain=0.0)
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(x), net(x))


def test_a_frozen_backbone_is_left_alone() -> None:
    net, x = wrapped(freeze="backbone"), images()
    before = copy.deepcopy(net.backbone.state_dict())
    net.train()
    assert not any(m.training for m in net.backbone.modules())
    assert net.loops.training
    optimizer = torch.optim.SGD((p for p in net.parameters() if p.requires_grad), 0.1)
    losses = []
    for _ in range(3):
        loss = nn.functional.cross_entropy(net(x), torch.tensor([0, 1, 2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]
    assert all(torch.equal(v, before[k]) for k, v in net.backbone.state_dict().items())


def test_every_module_keeps_its_mode() -> None:
    model = stack().train()
    model.mid.eval()
    net = wrapped(model)
    assert net.training
    assert net.loops.training
    assert not model.mid[1].training
    assert model.low.training


@pytest.mark.parametrize("gain", [0.0, 0.7])
def test_compiled(gain: float) -> None:
    net, x = wrapped(gain=gain), images()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), hand(net, x, gain=gain)[-1], rtol=1e-12, atol=1e-12)
    net.loops.loop_1.gain.data.fill_(0.3)
    torch.testing.assert_close(compiled(x), hand(net, x, gain=0.3)[-1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(net(x, unrolls=5), hand(net, x, 5, 0.3)[-1])  # eager meanwhile
    compiled(x).sum().backward()
    found = net.backbone.low.weight.grad.clone()
    net.zero_grad()
    net(x).sum().backward()
    torch.testing.assert_close(found, net.backbone.low.weight.grad)


def test_compiled_in_training_mode_with_a_graph_break() -> None:
    class Broken(Stack):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.act(self.mid(self.act(self.low(x))))
            torch._dynamo.graph_break()
            return self.head(self.act(self.high(x)).mean((2, 3)))

    torch.manual_seed(0)
    eager, compiled = (wrapped(copy.deepcopy(Broken().double())) for _ in range(2))
    compiled.load_state_dict(eager.state_dict())
    x = images()
    result = torch.compile(compiled, backend="eager")(x)
    torch.testing.assert_close(result, eager(x))
    for a, b in zip(compiled.buffers(), eager.buffers(), strict=True):
        torch.testing.assert_close(a, b)


def test_exported_with_any_batch() -> None:
    net, x = wrapped(), images()
    program = torch.export.export(net, (x,), dynamic_shapes=((({0: torch.export.Dim("n")}),),))
    for batch in (x, images(7)):
        torch.testing.assert_close(program.module()(batch), hand(net, batch)[-1])


def test_a_module_that_is_left_out_is_an_error_at_the_call() -> None:
    class Skipping(Stack):
        skip = False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.act(self.low(x))
            x = self.act(self.mid(x))
            return self.head((x if self.skip else self.high(x)).mean((2, 3)))

    net = wrapped(Skipping().double())
    net.backbone.skip = True
    with pytest.raises(LoopyNetError, match=r'loop_1.from: "high" was not called in this pass'):
        net(images())
    net.backbone.high = nn.Conv2d(6, 6, 1).double()  # without the taps
    net.backbone.skip = False
    with pytest.raises(LoopyNetError, match=r'loop_1.from: "high" was not called'):
        net(images())


def test_a_checkpoint_of_the_models_own_is_an_error() -> None:
    from torch.utils.checkpoint import checkpoint

    class Saving(Stack):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = checkpoint(lambda y: self.mid(self.low(y)), x, use_reentrant=False)
            return self.head(self.high(x).mean((2, 3)))

    with pytest.raises(LoopyNetError, match="switch the model's own checkpointing off"):
        wrapped(Saving().double())(images())
    net = wrapped()
    net.backbone.mid.gradient_checkpointing = True
    net(images())  # without training mode it does nothing
    with pytest.raises(LoopyNetError, match=r'"mid" has gradient checkpointing'):
        net.train()(images())


def test_what_a_call_cannot_do() -> None:
    net, x = wrapped(), images()
    with pytest.raises(LoopyNetError, match="unrolls must be a whole number from 1 up"):
        net(x, unrolls=0)
    with pytest.raises(LoopyNetError, match="Implicit is a gradient at a fixed point"):
        net(x, gradient=Implicit())
    with pytest.raises(LoopyNetError, match='no readout "first"'):
        net(x, readout="first")


def test_recompute_on_the_way_back_in_another_thread() -> None:
    """On a GPU, autograd runs backward passes in a thread of its own."""
    found = []
    for mode in (None, Recompute()):
        net = wrapped()
        loss = net(images(), gradient=mode).square().sum()
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
        found.append([p.grad for p in net.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_autocast_starts_as_identity() -> None:
    net, x = add_loops(Stack(), [LOOP], example=images().float()), images().float()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(net(x), net.backbone(x))

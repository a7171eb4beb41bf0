"""What can be wired, what starts as identity, and what is refused in which words."""

from __future__ import annotations

import re

import pytest
import torch
from small_models import IDS, Stack, encoder, images, stack
from torch import nn

from loopynet import Conv2d, Dense, Loop, LoopyNetError, add_loops
from loopynet.parts.merges import merges


@pytest.mark.parametrize("merge", merges.names())
def test_every_merge_starts_as_identity(merge: str) -> None:
    """The output and the running statistics are the model's own, bit for bit; the gain learns."""
    model, x = stack(), images()
    loops = [
        Loop(from_="high", to="mid", merge=merge, fit="project"),
        Loop(from_="head", to="low", merge=merge, fit="project"),
    ]
    net = add_loops(model, loops, 3, example=x)
    assert torch.equal(net(x), stack()(x))
    assert all(p.dtype == torch.float64 for p in net.parameters())
    net.train()(x).square().sum().backward()
    for edge in net.loops.values():
        assert edge.gain.grad.abs() > 0
        others = [p.grad for name, p in edge.named_parameters() if name != "gain"]
        assert all(g is None or not g.any() for g in others)
    reference = stack().train()
    reference(x)
    assert torch.equal(model.mid[1].running_var, reference.mid[1].running_var)


def test_all_parameters_exist_and_nothing_is_drawn_for_shapes() -> None:
    model = stack()
    state = torch.random.get_rng_state()
    with torch.random.fork_rng():
        net = add_loops(model, [Loop(from_="low", to="low", fit="project")], example=images())
    assert torch.equal(torch.random.get_rng_state(), state)
    names = {n for n, _ in net.named_parameters() if n.startswith("loops.")}
    assert names == {f"loops.loop_1.{n}" for n in ("gain", "mix.mix.weight", "mix.mix.bias")}
    net(images())
    assert {n for n, _ in net.named_parameters() if n.startswith("loops.")} == names


def test_layers_of_ours_and_modules_on_the_way() -> None:
    loop = Loop(from_="high", to="mid", through=("mix", "up"), fit="resize")
    layers = {"mix": Conv2d(filters=9, activation="relu", norm="batch"), "up": nn.Conv2d(9, 4, 1)}
    net = add_loops(stack(), [loop], example=images(), layers=layers, start="full")
    told = net.trace(images())
    assert told["mix@1"].shape == (3, 9, 4, 4)
    assert (told["mix@1"] >= 0).all()
    up = nn.functional.interpolate(told["up@1"], (8, 8), mode="bilinear")
    torch.testing.assert_close(told["loop_1@2"], told["act#1@2"] + up)


def test_the_model_may_be_on_the_meta_device() -> None:
    with torch.device("meta"):
        model = Stack()
    net = add_loops(model, [Loop(from_="high", to="mid", fit="project")], example=images().float())
    assert net(torch.empty(5, 2, 8, 8, device="meta")).shape == (5, 3)
    assert all(p.is_meta for p in net.parameters())


LOOP = Loop(from_="high", to="mid", fit="project")


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (Loop(from_="hihg", to="mid"), 'loop_1.from: the model has no module "hihg". Did you mean'),
        (Loop(from_="high", to="zzz"), 'loop_1.to: the model has no module "zzz". Its modules: l'),
        (Loop(from_="high", to="mid 0"), 'loop_1.to: "mid 0" is no name of a module'),
        (Loop(from_="low", to="head"), 'goes forward, for "low" is done before "head" begins'),
        (Loop(from_="high", to="mid"), "the signal from high is [6, 4, 4] and the input of mid is"
         ' [4, 8, 8]; write fit="project"'),
        (Loop(from_="high", to="mid", fit="resize"), 'fit="resize" changes height and width only'),
        (Loop(from_="act", to="mid"), '"act" is called 3 times in a pass; say which call: "act#1"'),
        (Loop(from_="high#2", to="mid"), '"high" is called once in a pass, so no "high#2"'),
        (Loop(from_="high[0]", to="mid"), '"high" returns [3, 6, 4, 4]; name one that is a tensor'),
        (Loop(from_="high", to="mid", delay=2), "delay: is 2, so that with 2 unrolls no signal"),
        (Loop(from_="high", to="mid", through=("up",)), 'through: no layer "up". Write layers='),
    ],
)  # fmt: skip
def test_errors_name_modules_and_shapes(loop: Loop, said: str) -> None:
    with pytest.raises(LoopyNetError, match=re.escape(said)):
        add_loops(stack(), [loop], example=images())


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (Loop(from_="blocks.1", to="blocks.0"), '"blocks.1" returns tuple (0: [2, 4, 5], 1: None'
         'Type); name one of them: "blocks.1[0]"'),
        (Loop(from_="blocks.1[1]", to="blocks.0"), "name one that is a tensor"),
        (Loop(from_="blocks.1[0]", to="blocks.1[mask]"), 'where "blocks.1[mask]" names no tensor'),
        (Loop(from_="blocks", to="blocks.0"), '"blocks" (ModuleList) is not called when the model '
         'runs; name a module that runs, such as "blocks.0"'),
        (Loop(from_="never", to="blocks.0"), '"never" (Linear) is not called when the model runs'),
        (Loop(from_="blocks.1[0]", to="embed"), '"embed" takes [2, 4] of int64, and a signal'),
        (Loop(from_="head", to="blocks.0", fit="resize"), "the signal from head is [2]"),
    ],
)  # fmt: skip
def test_errors_of_tuples_and_of_modules_that_do_not_run(loop: Loop, said: str) -> None:
    with pytest.raises(LoopyNetError, match=re.escape(said)):
        add_loops(encoder(), [loop], example=IDS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loops": []}, "add_loops got no loops"),
        ({"loops": ["high"]}, "loop_1: is str; write Loop"),
        ({"loops": {"a.b": LOOP}}, "'a.b' cannot be a name here"),
        ({"loops": {"low": LOOP}}, 'the name "low" is taken'),
        ({"unrolls": 0}, "unrolls must be a whole number"),
        ({"start": "zero"}, "start='zero' is no choice; write \"identity\" or \"full\""),
        ({"freeze": "all"}, 'freeze=\'all\' is no choice; write "backbone"'),
        ({"layers": {"mix": nn.Identity()}}, 'layers: "mix" is named in no loop'),
        ({"layers": {"mix": "conv"}}, 'layers: "mix" is str; write a layer such as'),
        ({"model": 3}, "add_loops takes a torch.nn.Module, and got int"),
        ({"model": torch.compile(nn.Linear(1, 1))}, "add them, then compile"),
        ({"model": torch.jit.script(nn.Linear(1, 1))}, "add them, then script or export"),
        ({"model": nn.LazyLinear(2)}, 'the model has no numbers for "weight" yet'),
        ({"example": torch.zeros(3, 5)}, "the model does not run on the example: RuntimeError"),
    ],
)  # fmt: skip
def test_errors_of_options(options: dict, said: str) -> None:
    given = {"model": stack(), "loops": [LOOP], "example": images(), **options}
    with pytest.raises(LoopyNetError, match=re.escape(said)):
        add_loops(**given)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({"mix": nn.Linear(3, 3)}, '"mix" does not take the signal [6, 4, 4]: RuntimeError'),
        ({"mix": Conv2d(filters=4, size=9, padding="valid")}, '"mix" has filters that span 9x9'),
        ({"mix": nn.LSTM(4, 4)}, '"mix" does not take the signal'),
        ({"mix": nn.MaxPool2d(2, return_indices=True)}, '"mix" must give one tensor'),
    ],
)
def test_errors_of_layers_on_the_way(layers: dict, said: str) -> None:
    loop = Loop(from_="high", to="mid", through=("mix",), fit="project")
    with pytest.raises(LoopyNetError, match=re.escape(f"loop_1.through: {said}")):
        add_loops(stack(), [loop], example=images(), layers=layers)


def test_one_layer_in_two_loops_is_an_error() -> None:
    loops = [Loop(from_="high", to="mid", through=("mix",), fit="project")] * 2
    with pytest.raises(LoopyNetError, match='"mix" is named twice'):
        add_loops(stack(), loops, example=images(), layers={"mix": Dense(units=4)})


@pytest.mark.parametrize("given", [nn.Identity(), [nn.Identity()], Dense(units=4)])
def test_a_layer_in_through_is_an_error_that_names_the_place(given: object) -> None:
    with pytest.raises(ValueError, match=r"through\n  names layers; say in layers what they are"):
        Loop(from_="high", to="mid", through=given)

"""Sections that are unrolled one after another, against a network that is written out."""

import copy
import pickle
from io import StringIO

import pytest
import torch
from rich.console import Console

from loopynet import (
    Agreed,
    Confident,
    Converged,
    Each,
    Implicit,
    LoopyNet,
    LoopyNetWarning,
    build_graph,
    parse_spec,
    to_fx,
    to_yaml,
)
from loopynet.describe import render
from loopynet.draw.unrolled import unroll
from loopynet.errors import LoopyNetError, SpecError
from loopynet.explain.passes import check_pass, check_undelayed
from loopynet.graph import costs
from loopynet.modules.gradient import Recompute, Truncated
from loopynet.network.segment import compile_once
from reference.delays_by_hand import Parts
from reference.handwritten import Norm
from reference.strategies import tiny
from reference.values import assert_all_close, assert_close, gradients, random_input, random_net
from reference.values import weighed as weigh

TWO = """
name: two
input: {shape: [2, 8, 6]}
templates: {conv: {type: conv2d, filters: 3, activation: tanh}}
layers:
  stem: {template: conv}
  a: {template: conv}
  pool: {type: pool2d, mode: mean, size: 2}
  between: {template: conv}
  b: {template: conv}
  c: {template: conv}
  fc: {type: dense, units: 3}
  way: {template: conv}
main: [stem, a, pool, between, b, c, fc]
loops:
  own: {from: a, to: a, through: [way]}
  back: {from: c, to: b}
skips:
  across: {from: a, to: c, fit: project}
  out: {from: a, to: fc, fit: project}
unroll: {sections: [3, 2]}
readout: each
"""


def two(x: torch.Tensor, parts: Parts, passes: tuple[int, int] = (3, 2)) -> torch.Tensor:
    """Section a to its end, then what is between once, then b and c; they read the last a."""
    u = parts.conv("stem", x, 1, 1)
    a, t, logits = None, 0, []
    for run in range(1, passes[0] + 1):
        t += 1
        signal = None if a is None else parts.conv("way", a, t - 1, run - 1)
        a = parts.conv("a", u if signal is None else parts.note("own", t, u + signal), t, run)
    pooled = parts.note("pool", t, torch.nn.functional.avg_pool2d(a, 2))
    between = parts.conv("between", pooled, t, 1)
    weight, bias = (parts.tensors[f"fits.across.op.mix.{end}"] for end in ("weight", "bias"))
    assert weight.shape[2:] == (1, 1)
    across = torch.nn.functional.interpolate(
        torch.nn.functional.conv2d(a, weight, bias), pooled.shape[2:], mode="bilinear"
    )
    c = None
    for run in range(1, passes[1] + 1):
        t += 1
        into = between if c is None else parts.note("back", t, between + c)
        b = parts.conv("b", into, t, run)
        c = parts.conv("c", parts.note("across", t, b + across), t, run)
        mixed = torch.nn.functional.interpolate(
            parts.project("out", a), c.shape[2:], mode="bilinear"
        )
        logits.append(parts.dense("fc", parts.note("out", t, c + mixed), t))
    return torch.stack(logits)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("over_time", ["shared", "per_step", "per_step_statistics"])
@pytest.mark.parametrize("kind", ["none", "batch", "group"])
def test_every_activation_gradient_and_statistic(kind, over_time, training):
    net = random_net(tiny(TWO, norm={"type": kind, "over_time": over_time})).train(training)
    named = dict(net.named_parameters())
    tensors = {
        key: value.detach().clone().requires_grad_(key in named)
        for key, value in net.state_dict().items()
    }
    parts, record = Parts(tensors, Norm(kind, over_time), training), {}
    x, same = random_input(net).requires_grad_(), random_input(net).requires_grad_()
    wanted = two(same, parts)
    logits = net(x, record=record.__setitem__)
    assert_close(logits, wanted, "logits")
    record = {name: value for name, value in record.items() if "." not in name}
    assert_all_close(record, parts.trace)
    weigh(wanted).backward()
    weigh(logits).backward()
    assert_all_close(gradients(net), {key: tensors[key].grad for key in named})
    assert_close(x.grad, same.grad, "the input's gradient")
    for key, value in net.named_buffers():
        assert_close(value, tensors[key], key)


def test_what_runs_when_and_what_it_costs():
    graph = build_graph(tiny(TWO))
    times = {name: graph.layer_times(node) for name, node in graph.layers.items()}
    assert times == {
        "stem": (1,), "a": (1, 2, 3), "pool": (3,), "between": (3,), "b": (4, 5), "c": (4, 5),
        "fc": (4, 5), "way": (1, 2),
    }  # fmt: skip
    assert (graph.steps, graph.first_readout) == (5, 4)
    edges = {edge.name: edge for edge in graph.edges}
    assert graph.signal_times(edges["across"]) == (3,)
    assert graph.merge_times(edges["across"]) == (4, 5)
    conv, fine, coarse = 9 * 3, 8 * 6, 4 * 3
    work = conv * fine * 2 + (3 + 2) * conv * 3 * fine + conv * 3 * coarse * (1 + 2 + 2)
    assert costs(graph).multiply_adds == work + 2 * 3 * 3 * coarse + (1 + 2) * 9 * fine


def test_other_numbers_of_unrolls_are_those_of_the_last_section():
    net = random_net(tiny(TWO, norm="group")).eval()
    x, tensors = random_input(net), dict(net.state_dict())
    for last in (1, 4):
        parts = Parts(tensors, Norm("group", "shared"), training=False)
        assert_close(net(x, unrolls=3 + last), two(x, parts, (3, last)), f"{last} passes")
    with pytest.raises(LoopyNetError, match=r"no logits before unroll 4, .* all sections"):
        net(x, unrolls=3)
    own = random_net(tiny(TWO, norm={"type": "batch", "over_time": "per_step"})).eval()
    with pytest.warns(LoopyNetWarning, match="running 7 unrolls"):
        own(x, unrolls=7)


def test_untied_copies_are_those_that_run():
    net = random_net(tiny(TWO, norm={"type": "batch", "over_time": "per_step"})).eval()
    untied, x = net.untie(), random_input(net)
    assert_all_close(untied.trace(x), net.trace(x), 1e-12)
    copies = [name for name in untied.layers if "@" in name]
    assert sorted(copies) == sorted(
        ["a@1", "a@2", "a@3", "pool@3", "between@3", "b@4", "b@5", "c@4", "c@5", "way@1", "way@2"]
    )
    assert {name for name in untied.fits if name.startswith("across")} == {"across@3"}


def test_recompute_gives_the_full_gradient_and_truncated_the_last_passes_of_each_section():
    net, x = random_net(tiny(TWO, readout="last")), None
    x = random_input(net)
    found = {}
    for name, mode in (("full", None), ("same", Recompute()), ("one", Truncated(1))):
        net.zero_grad()
        weigh(net(x, gradient=mode)).backward()
        found[name] = gradients(net)
    assert_all_close(found["same"], found["full"], 1e-12)
    one = found["one"]
    assert one["layers.way.op.weight"].abs().max() == 0  # its last signal left in an early pass
    assert all(one[f"layers.{name}.op.weight"].abs().max() > 0 for name in ("stem", "a", "b"))
    assert (one["layers.a.op.weight"] - found["full"]["layers.a.op.weight"]).abs().max() > 1e-6


def test_copies_exports_and_compiling():
    net = random_net(tiny(TWO, norm={"type": "batch", "over_time": "per_step"})).eval()
    x = random_input(net)
    wanted = net(x)
    assert torch.equal(copy.deepcopy(net)(x), wanted)
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), wanted)
    graph = to_fx(net)
    assert_close(graph(x), wanted, "fx", 1e-12)
    metas = {node.meta["loopynet"] for node in graph.graph.nodes}
    assert {"across.signal@4", "between@3", "b@4", "own@3"} <= metas
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("n", min=2)},))
    assert_close(program.module()(x), wanted, "export", 1e-12)
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    assert_close(compiled(x), wanted, "compile", 1e-12)
    torch.compiler.reset()
    assert_close(net(x, readout=Each()), wanted, "each", 0.0)


def test_writing_and_reading_lose_nothing():
    spec = tiny(TWO)
    assert (spec.unroll.steps, spec.unroll.sections) == (5, (3, 2))
    assert parse_spec(to_yaml(spec)) == spec
    alone = tiny(TWO, unroll={"steps": 1, "sections": [3, 2]})
    assert not build_graph(alone).loops


@pytest.mark.parametrize("sections", [[3, 2], [6, 6]])
def test_the_unrolled_picture_reads_what_stands_at_every_unroll(sections):
    diagram = unroll(build_graph(tiny(TWO, unroll={"sections": sections}, readout="last")))
    ends = [(a.targets[0], a.delay) for a in diagram.arrows if a.source == "between@3"]
    drawn = [("back@4", 1), ("back@5", 2)]
    assert sections != [3, 2] or ends == drawn
    assert all(s.source in diagram.nodes for s in diagram.arrows)
    assert all(target in diagram.nodes for s in diagram.arrows for target in s.targets)


@pytest.mark.parametrize(
    ("unroll", "text"),
    [
        ({"sections": [3]}, r"has 1 numbers, and the loops are of 2 sections .*\(a, b to c\)"),
        (
            {"sections": [3, 1]},
            "with 1 in unroll.sections no signal ever arrives; write (a smaller|more)",
        ),
        ({"sections": [3, 2], "steps": 6}, "sum to 5; leave steps out"),
        ({"sections": [3, 2], "schedule": "parallel"}, "does not go with unroll.sections"),
        ({"sections": [3, 2], "initial": "zero"}, "does not go with unroll.sections"),
        ({"sections": [3, 2], "delays": {"c": 1}}, "does not go with unroll.sections"),
        ({"sections": [3, 2], "contract": 0.9}, "does not go with unroll.sections"),
        ({"sections": [3, 2], "until": "converged"}, "does not go with unroll.sections"),
        ({"sections": []}, "is empty; write unroll.steps, too"),
        ({"sections": [0, 2]}, "greater than or equal to 1"),
    ],
)
def test_what_has_no_meaning_is_refused(unroll, text):
    with pytest.raises((SpecError, ValueError), match=text):
        build_graph(tiny(TWO, unroll=unroll))


def test_skips_from_one_section_to_another_have_no_delay():
    skips = {"across": {"from": "a", "to": "c", "fit": "project", "delay": 1}}
    with pytest.raises(SpecError, match="goes from one section to another"):
        build_graph(tiny(TWO, skips=skips))
    skips = {"in": {"from": "b", "to": "c", "delay": 2}}
    with pytest.raises(SpecError, match="no logits depend on it"):
        build_graph(tiny(TWO, skips=skips))


def test_passes_that_differ_are_no_function_of_the_carry():
    net: LoopyNet = random_net(tiny(TWO)).eval()
    for refuse in (lambda: check_pass(net, 4), lambda: check_undelayed(net)):
        with pytest.raises(LoopyNetError, match="unrolled one after another"):
            refuse()


@pytest.mark.parametrize("gradient", [None, Implicit()])
def test_a_call_cannot_run_them_to_convergence(gradient):
    net = random_net(tiny(TWO, readout="last")).eval()
    with pytest.raises(LoopyNetError, match=r"no pass can be repeated .* stop=Confident\(\)"):
        net(random_input(net), stop=Converged(), gradient=gradient)


def test_a_sample_that_stops_early_has_the_logits_of_its_unroll():
    net = random_net(tiny(TWO)).eval()
    x = torch.cat([random_input(net) * scale for scale in (0.3, 1, 3)])
    each = net(x, unrolls=9)
    sure = each[0].softmax(-1).amax(-1).median()  # half of the samples are content at once
    for stop in (Confident(float(sure.detach())), Agreed(2)):
        outcome = net.run(x, stop, unrolls=9)
        wanted = each[outcome.unrolls - net.graph.first_readout, torch.arange(len(x))]
        assert_close(outcome.logits, wanted, "early exit", 1e-12)
        assert outcome.unrolls.min() == (4 if isinstance(stop, Confident) else 5)
        assert isinstance(stop, Agreed) or outcome.unrolls.max() > 4


@pytest.mark.parametrize("what", ["layers", "whole"])
def test_compiled_parts_give_the_same_gradients(what, monkeypatch):
    plain = random_net(tiny(TWO, norm={"type": "batch", "over_time": "per_step"}))
    compiled, x = copy.deepcopy(plain).compile_layers(what), random_input(plain)
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **_: compile_(f, backend="eager"))
    compile_once.cache_clear()
    for net in (plain, compiled):
        weigh(net(x)).backward()
    compile_once.cache_clear()
    torch.compiler.reset()
    assert_all_close(gradients(compiled), gradients(plain), 1e-12)


def test_tables_say_after_which_section_a_layer_runs_and_no_delay_that_nobody_wrote():
    graph = build_graph(tiny(TWO))
    after = {name: node.after for name, node in graph.layers.items() if node.after}
    assert after == {"b": 1}
    assert {edge.name: edge.after for edge in graph.edges if edge.after} == {"across": 1, "out": 1}
    console = Console(width=140, file=StringIO(), record=True)
    render(graph, console, batch_size=1)
    text = console.export_text()
    assert text.count("after section 1") == 6  # b, across and out: in the drawing, and in tables
    assert "delay 1" not in text
    one = build_graph(tiny(TWO, unroll={"steps": 5}))
    assert not any(part.after for part in (*one.edges, *one.layers.values()))


@pytest.mark.parametrize("how", ["random", {"type": "progressive", "start": 3}])
def test_no_training_step_has_fewer_unrolls_than_the_first_logits(how):
    with pytest.raises(ValueError, match=r"no logits before unroll 4; write \{type: .*: 4\}"):
        tiny(TWO, training={"unrolls": how})
    tiny(TWO, training={"unrolls": {"type": "random", "least": 4}})
    tiny(TWO, training={"unrolls": "random"}, unroll={"steps": 5})

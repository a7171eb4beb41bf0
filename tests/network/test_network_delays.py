"""The parallel order and delays, against networks that are written out step by step."""

import copy
import math
import threading
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loopynet import Each, LoopyNet, LoopyNetWarning, NetworkSpec
from loopynet.errors import LoopyNetError
from reference.delays_by_hand import AREAS, MIXED, NETWORKS, ORDER, Parts
from reference.handwritten import Norm
from reference.strategies import documents, tiny
from reference.values import (
    assert_all_close,
    assert_close,
    gradients,
    random_input,
    random_net,
    weighed,
)

NORMS = [
    ("none", "shared"),
    *(
        (kind, over_time)
        for kind in ("batch", "group", "layer")
        for over_time in ("shared", "per_step", "per_step_statistics")
    ),
]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("kind", "over_time"), NORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_activation_gradient_and_statistic(name, kind, over_time, training):
    text, by_hand = NETWORKS[name]
    net = random_net(tiny(text, norm={"type": kind, "over_time": over_time})).train(training)
    named = dict(net.named_parameters())
    tensors = {
        key: value.detach().clone().requires_grad_(key in named)
        for key, value in net.state_dict().items()
    }
    parts, record = Parts(tensors, Norm(kind, over_time), training), {}
    x, same = random_input(net).requires_grad_(), random_input(net).requires_grad_()
    wanted = by_hand(same, parts)
    logits = net(x, record=record.__setitem__)
    record = {name: value for name, value in record.items() if "." not in name}  # no merge's terms
    assert_close(logits, wanted, "logits")
    assert_all_close(record, parts.trace)
    weighed(wanted).backward()
    weighed(logits).backward()
    assert_all_close(gradients(net), {key: tensors[key].grad for key in named})
    assert_close(x.grad, same.grad, "the input's gradient")
    for key, value in net.named_buffers():
        assert_close(value, tensors[key], key)


def count_calls(net: LoopyNet) -> dict[str, int]:
    counts: dict[str, int] = {}
    for home in ("layers", "fits", "merges"):
        for name, module in getattr(net, home).items():
            counts[f"{home}.{name}"] = 0

            def count(*_, key=f"{home}.{name}"):
                counts[key] += 1

            module.register_forward_hook(count)
    return counts


@settings(deadline=None, max_examples=40)
@given(document=documents(), tied=st.booleans())
def test_calls_are_those_of_the_timetable(document, tied):
    document["unroll"]["tied"] = tied
    net = random_net(NetworkSpec.model_validate(document)).eval()
    graph, counts = net.graph, count_calls(net)
    net(random_input(net))
    wanted = {f"layers.{n}": graph.layer_times(node) for n, node in graph.layers.items()}
    wanted |= {f"fits.{edge.name}": graph.signal_times(edge) for edge in graph.edges}
    wanted |= {f"merges.{edge.name}": graph.merge_times(edge) for edge in graph.edges}
    for key, times in wanted.items():
        copies = {n: count for n, count in counts.items() if n.partition("@")[0] == key}
        if key in copies:
            assert copies == {key: len(times)}
        else:
            assert copies == {f"{key}@{t}": 1 for t in times}
    assert {node.name: node.runs for node in graph.layers.values()} == {
        n: len(graph.layer_times(node)) for n, node in graph.layers.items()
    }


def test_what_nobody_reads_is_not_computed():
    net = random_net(tiny(ORDER, readout="last"))
    counts = count_calls(net)
    net(random_input(net))
    names = ("stem", "a", "b", "c", "neck", "fc")
    assert [counts[f"layers.{name}"] for name in names] == [1, 5, 4, 4, 1, 1]
    assert (counts["merges.back"], counts["merges.slow"], counts["merges.over"]) == (2, 4, 4)


def test_a_run_of_unknown_length_computes_all_there_is():
    net, names = random_net(tiny(ORDER)).eval(), []
    x, kept = net._run_trunk(random_input(net), None)
    carry = net._initial_carry(x)
    assert {name: len(queue) for name, queue in carry.items()} == {
        "back": 1, "slow": 2, "over": 1, "b": 1, "c": 1,
    }  # fmt: skip
    for t in range(1, 7):
        names.clear()
        (output, _), carry = net._one_pass(
            x, kept, carry, t, None, lambda name, _: names.append(name)
        )
        assert (output is None) == (t < net.graph.first_readout)
    layers = {name for name in names if name.partition("@")[0] in net.graph.body}
    assert layers == {"a@6", "b@6", "c@6"}
    assert all(signal is not None for queue in carry.values() for signal in queue)


CHAIN = """
input: {{shape: [2, 4, 4]}}
layers:
  stem: {{type: conv2d, filters: 3, activation: tanh}}
{layers}
  way: {{type: conv2d, filters: 3, activation: tanh}}
  fc: {{type: dense, units: 3}}
main: [stem, {names}, fc]
loops:
  back: {{from: {last}, to: c1, through: [way], merge: {merge}}}
norm: {norm}
unroll: {{steps: {steps}, schedule: {schedule}}}
"""


def ring(length: int, merge: str, norm: str, steps: int, schedule: str) -> NetworkSpec:
    """Return the spec of one loop around `length` layers."""
    names = [f"c{i}" for i in range(1, length + 1)]
    layers = "\n".join(f"  {n}: {{type: conv2d, filters: 3, activation: tanh}}" for n in names)
    text = CHAIN.format(
        layers=layers,
        names=", ".join(names),
        last=names[-1],
        merge=merge,
        norm=norm,
        steps=steps,
        schedule=schedule,
    )
    return tiny(text)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("norm", ["none", "{type: batch}", "{type: layer}"])
@pytest.mark.parametrize(
    ("length", "merge"), [(1, "sum"), (2, "gate"), (3, "concat"), (3, "gain"), (4, "sum")]
)
def test_l_times_k_parallel_steps_are_k_sequential_unrolls(length, merge, norm, training):
    """One loop around L layers: h_j[L(m - 1) + j] in parallel is h_j[m] in sequence."""
    k = 3
    net = random_net(ring(length, merge, norm, k, "sequential")).train(training)
    parallel = LoopyNet(ring(length, merge, norm, length * k, "parallel")).double()
    parallel.load_state_dict(net.state_dict())
    parallel.train(training)
    x = random_input(net)
    wanted, last = net(x, readout=Each()), parallel(x)
    each = parallel(x, readout=Each())
    assert_close(last, wanted[-1], "logits", 1e-12)
    for t, logits in enumerate(each, start=length):
        assert_close(logits, wanted[t // length - 1], f"logits after step {t}", 1e-12)
    weighed(wanted[-1]).backward()
    weighed(last).backward()
    assert_all_close(gradients(parallel), gradients(net), 1e-11)
    assert any(gradient.abs().max() > 1e-3 for gradient in gradients(net).values())


def started(text: str, initial: str, **changes) -> LoopyNet:
    spec = tiny(text)
    unroll = spec.unroll.model_dump(exclude_unset=True) | {"initial": initial}
    return random_net(tiny(text, unroll=unroll, **changes)).eval()


@pytest.mark.parametrize("text", [ORDER, AREAS], ids=["order", "areas"])
def test_zero_and_absent_are_not_the_same(text):
    absent, zero = started(text, "absent"), started(text, "zero")
    x, first = random_input(absent), absent.graph.first_readout
    assert first > 1
    assert zero.graph.first_readout == 1
    every, later = zero(x, readout=Each()), absent(x, readout=Each())
    assert (len(every), len(later)) == (absent.graph.steps, absent.graph.steps - first + 1)
    # Layers run before the input has come: their biases make signals of nothing.
    assert every[0].abs().max() > 1e-3
    assert (every[first:] - later[1:]).abs().max() > 1e-6


@pytest.mark.parametrize(("overtakes", "delay"), [(False, 4), (False, 5), (True, 2)])
@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_they_agree_where_nothing_comes_of_nothing(activation, overtakes, delay):
    """Without biases and norms zeros stay zeros, and a sum with zeros changes nothing.

    A skip that is faster than the main stack finds a layer that runs on zeros, or none at all.
    """
    conv = {"type": "conv2d", "filters": 2, "bias": False, "activation": activation}
    document = {
        "input": {"shape": [2, 4, 4]},
        "layers": dict.fromkeys("abcd", conv) | {"fc": {"type": "dense", "units": 3}},
        "main": [*"abcd", "fc"],
        "loops": {
            "back": {"from": "d", "to": "a"},
            "inner": {"from": "c", "to": "b", "delay": 2},
        },
        "skips": {"over": {"from": "a", "to": "d", "delay": delay}},
    }
    unroll = {"steps": 11, "schedule": "parallel", "delays": {"c": 2}}
    nets = {}
    for initial in ("absent", "zero"):
        spec = {**document, "unroll": {**unroll, "initial": initial}}
        nets[initial] = random_net(NetworkSpec.model_validate(spec)).eval()
    x, first = random_input(nets["zero"]), nets["absent"].graph.first_readout
    assert first == 5
    later, every = nets["absent"](x, readout=Each()), nets["zero"](x, readout=Each())
    bias = nets["zero"].layers["fc"].op.bias
    assert torch.equal(every[0], bias.expand(3, 3))
    if overtakes:
        assert (every[first - 1 :] - later).abs().max() > 1e-3
    else:
        assert_close(every[first - 1 :], later, "logits", 1e-12)
    assert (later[0] - bias).abs().max() > 1e-3


@pytest.mark.parametrize("initial", ["absent", "zero"])
def test_readouts_begin_with_the_first_logits(initial):
    net = started(ORDER, initial, readout="last")
    x, first = random_input(net), net.graph.first_readout
    each = net(x, readout=Each())
    assert len(each) == 6 - first + 1
    assert torch.equal(net(x), each[-1])
    for t in range(first, 7):
        assert torch.equal(net(x, unrolls=t), each[t - first])
    names = [name for name in net.trace(x) if name.startswith("fc@")]
    assert names == [f"fc@{t}" for t in range(first, 7)]


def test_fewer_unrolls_than_the_signal_takes():
    net = started(ORDER, "absent")
    for unrolls in (1, 2):
        with pytest.raises(LoopyNetError, match=f"no logits before unroll 3.*not {unrolls}"):
            net(random_input(net), unrolls=unrolls)


def test_a_readout_of_ones_own_is_asked_when_there_are_logits():
    asked = []

    class Odd:
        def wants(self, t, unrolls):
            asked.append(t)
            return t % 2 == 1

        def join(self, logits):
            return sum(logits)

    net = started(ORDER, "absent")
    x = random_input(net)
    each = net(x, readout=Each())  # of the unrolls 3 to 6
    assert torch.equal(net(x, readout=Odd()), each[0] + each[2])
    assert asked == [3, 4, 5, 6]


def test_more_unrolls_than_trained_use_the_last_numbers():
    norm = {"type": "batch", "over_time": "per_step"}
    net, longer = (
        random_net(tiny(ORDER, norm=norm, unroll={"steps": k, "schedule": "parallel"})).eval()
        for k in (5, 7)
    )
    values = {}
    for key, like in longer.state_dict().items():
        value = net.state_dict()[key]
        rows = [value, *[value[-1:]] * (len(like) - len(value))] if ".norm." in key else [value]
        values[key] = torch.cat(rows)
    longer.load_state_dict(values)
    x = random_input(net)
    with pytest.warns(LoopyNetWarning, match="7 unrolls"):
        each = net(x, unrolls=7, readout=Each())
    assert_close(each, longer(x, readout=Each()), "logits", 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(x, unrolls=4)


def test_untied_copies_are_those_that_run():
    net = random_net(tiny(ORDER, norm={"type": "batch", "over_time": "per_step"})).eval()
    untied, x = net.untie(), random_input(net)
    found = {name: [] for name in "abc"}
    for key in untied.layers:
        name, _, t = key.partition("@")
        if t:
            found[name].append(int(t))
    assert found == {"a": [1, 2, 3, 4, 5], "b": [2, 3, 4, 5], "c": [3, 4, 5, 6]}
    assert [len(net.layers[name].norm.weight) for name in "abc"] == [5, 4, 4]
    assert [key for key in untied.merges if key.startswith("back")] == ["back@4", "back@5"]
    assert_all_close(untied.trace(x), net.trace(x), 1e-12)


def test_unrolls_that_do_not_follow_each_other_have_their_own_norm():
    """With a way around a long delay and few steps, nobody reads a at unroll 3."""
    net = random_net(tiny("""
input: {shape: [2, 4, 4]}
layers:
  a: {type: conv2d, filters: 2}
  b: {type: conv2d, filters: 2}
  fc: {type: dense, units: 3}
main: [a, b, fc]
loops: {back: {from: b, to: a}}
skips: {around: {from: a, to: b, delay: 0}}
unroll: {steps: 5, delays: {b: 3}}
norm: {type: batch, over_time: per_step}
"""))  # fmt: skip
    assert net.graph.layer_times(net.graph.layers["a"]) == (1, 2, 4, 5)
    assert [net.layers["a"].norm_set(t) for t in range(1, 8)] == [1, 2, 2, 3, 4, 4, 4]


@pytest.mark.parametrize("text", [ORDER, AREAS, MIXED], ids=["order", "areas", "mixed"])
def test_fx_export_compile_and_copies(text):
    net = random_net(tiny(text, norm={"type": "batch", "over_time": "per_step"})).eval()
    x = random_input(net)
    wanted = net(x)
    assert_close(torch.fx.symbolic_trace(net)(x), wanted, "fx", 1e-12)
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("n", min=2)},))
    assert_close(program.module()(x), wanted, "export", 1e-12)
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    assert_close(compiled(x), wanted, "compile", 1e-12)
    torch.compiler.reset()
    assert torch.equal(copy.deepcopy(net)(x), wanted)
    assert not math.isnan(wanted.sum().item())


def test_two_threads_share_one_network():
    net = random_net(tiny(ORDER)).eval()
    inputs = [random_input(net, 2, seed) for seed in range(2)]
    wanted = [net(x, unrolls=n) for x, n in zip(inputs, (6, 4), strict=True)]
    wrong: list[str] = []
    barrier = threading.Barrier(2)

    def run(i: int) -> None:
        barrier.wait()
        for _ in range(30):
            if not torch.equal(net(inputs[i], unrolls=6 - 2 * i), wanted[i]):
                wrong.append("logits")

    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []

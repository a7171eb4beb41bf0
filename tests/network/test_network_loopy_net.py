"""The network as an ordinary module: its call, its names, and what PyTorch does with modules."""

import copy
import pickle
import threading
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loopynet import Each, Last, LoopyNet, LoopyNetWarning, NetworkSpec, SpecError, load_spec
from loopynet.errors import LoopyNetError
from reference.examples import TWO_LOOPS
from reference.strategies import documents, tiny
from reference.values import assert_all_close, assert_close, random_input, random_net, weighed


@pytest.fixture
def net() -> LoopyNet:
    return random_net(tiny(TWO_LOOPS)).eval()


@pytest.fixture
def x(net) -> torch.Tensor:
    return random_input(net)


def count_calls(net: LoopyNet) -> dict[str, int]:
    """Return a dict that will hold how often each module of layers, fits and merges was called."""
    counts: dict[str, int] = {}
    for home in ("layers", "fits", "merges"):
        for name, module in getattr(net, home).items():
            key = f"{home}.{name}"
            counts[key] = 0

            def count(*_, key=key):
                counts[key] += 1

            module.register_forward_hook(count)
    return counts


def test_what_runs_how_often(net, x):
    counts = count_calls(net)
    net(x)
    assert counts == {
        "layers.stem": 1,
        "layers.conv_1": 3,
        "layers.pool": 3,
        "layers.conv_2": 3,
        "layers.fc": 1,
        "layers.way": 2,  # the last pass computes no signal
        "fits.over": 1,  # a skip that leaves the trunk does so once
        "fits.back": 2,
        "fits.far": 1,
        "merges.over": 3,
        "merges.back": 2,
        "merges.far": 3,  # zeros come first
    }
    assert sum(count_calls(net).values()) == 0
    net(x, readout=Each())
    assert counts["layers.fc"] == 1 + 3


def test_every_copy_of_an_untied_network_runs_once(net, x):
    untied = net.untie()
    counts = count_calls(untied)
    untied(x)
    assert {key: n for key, n in counts.items() if "@" in key} == {
        key: 1 for key in counts if "@" in key
    }
    assert counts["layers.conv_2@3"] == 1
    assert counts["merges.over@1"] == 1
    assert "layers.way@3" not in counts


def test_readouts(net, x):
    each = net(x, readout=Each())
    assert each.shape == (3, 3, 3)
    assert torch.equal(net(x), each[-1])
    assert torch.equal(net(x, readout=Last()), each[-1])
    for t in (1, 2, 3):
        assert torch.equal(net(x, unrolls=t), each[t - 1])
    assert (each[0] - each[2]).abs().max() > 1e-3
    by_spec = LoopyNet(tiny(TWO_LOOPS, readout="each")).double().eval()
    by_spec.load_state_dict(net.state_dict())  # the head has no norm, so the numbers are the same
    assert torch.equal(by_spec(x), each)
    assert torch.equal(by_spec(x, readout=Last()), each[-1])


def test_a_readout_of_ones_own(net, x):
    class Odd:
        def wants(self, t, unrolls):
            return t % 2 == 1

        def join(self, logits):
            return sum(logits)

    each = net(x, readout=Each())
    assert torch.equal(net(x, readout=Odd()), each[0] + each[2])


def test_more_unrolls_than_trained_warn_once(net, x):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        net(x, unrolls=5)
        net(x, unrolls=5)
        net(x, unrolls=3)
        net(x, unrolls=1)
    assert [w.category for w in caught] == [LoopyNetWarning]
    text = str(caught[0].message)
    assert '5 unrolls of "example", which has 3' in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for unrolls in (None, 1, 2, 3):
            net(x, unrolls=unrolls)


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
def test_more_unrolls_are_fine_if_all_share_their_numbers(norm, x):
    net = random_net(tiny(TWO_LOOPS, norm={"type": norm, "over_time": "shared"})).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert net(x, unrolls=5, readout=Each()).shape == (5, 3, 3)


def test_passes_beyond_the_trained_use_the_last_numbers(net, x):
    """As a network trained on more unrolls, whose later norms are copies of the last."""
    longer = LoopyNet(tiny(TWO_LOOPS, unroll={"steps": 5})).double().eval()
    values = {}
    for key, like in longer.state_dict().items():
        value = net.state_dict()[key]
        rows = [value, *[value[-1:]] * (len(like) - len(value))] if ".norm." in key else [value]
        values[key] = torch.cat(rows)
    longer.load_state_dict(values)
    with pytest.warns(LoopyNetWarning):
        each = net(x, unrolls=5, readout=Each())
    # The loop's own layer has a norm for each of the passes that send a signal: one fewer.
    assert_close(each, longer(x, readout=Each()), "logits", 1e-12)


@pytest.mark.parametrize("shape", [(2, 3, 6, 5), (2, 3, 6), (2, 4, 6, 6), (3, 6, 6), (2,), ()])
def test_inputs_of_the_wrong_shape(net, shape):
    with pytest.raises(LoopyNetError) as caught:
        net(torch.zeros(shape, dtype=torch.float64))
    message = str(caught.value)
    assert '"example" takes inputs [N, 3, 6, 6]' in message
    assert f"[{', '.join(map(str, shape))}]" in message


@pytest.mark.parametrize("unrolls", [0, -1])
def test_fewer_than_one_unroll(net, x, unrolls):
    with pytest.raises(LoopyNetError, match=f"a whole number from 1 up, and is {unrolls}"):
        net(x, unrolls=unrolls)


def test_untied_networks_cannot_run_more_unrolls(net, x):
    untied = net.untie()
    assert torch.equal(untied(x, unrolls=2), net(x, unrolls=2))
    with pytest.raises(LoopyNetError, match="untied and has weights for 3 unrolls, not 4"):
        untied(x, unrolls=4)


@pytest.mark.parametrize(
    "change", [{"unroll": {"steps": 1}}, {"loops": {}, "unroll": {"steps": 3}}]
)
def test_networks_without_loops_run_once(change, x):
    spec = tiny(TWO_LOOPS).model_dump(by_alias=True, exclude_unset=True)
    layers = {
        name: {"type": layer.type, **spec["layers"][name]}
        for name, layer in tiny(TWO_LOOPS).layers.items()
        if "loops" not in change or name != "way"
    }
    net = random_net(tiny(TWO_LOOPS, layers=layers, **change)).eval()
    assert not [key for key in net.state_dict() if "way" in key or "back" in key]
    assert torch.equal(net(x), net(x, unrolls=1))
    with pytest.raises(LoopyNetError, match="without loops"):
        net(x, unrolls=2)


def test_an_impossible_description_is_a_spec_error():
    with pytest.raises(SpecError) as caught:
        LoopyNet(tiny(TWO_LOOPS, skips={"over": {"from": "fc", "to": "stem"}}))
    assert caught.value.path == ("skips", "over")


@pytest.mark.parametrize("option", [
    "bias_init: glorot_uniform", "bias_init: orthogonal", "bias_init: identity",
    "bias_init: sparse", "init: {type: truncated_normal, std: 0}",
    "init: {type: random_normal, std: -1}", "init: {type: random_uniform, low: 2, high: 1}",
    "activation: {type: hard_tanh, min_val: 1, max_val: 0}",
    "activation: {type: rrelu, lower: 0.5, upper: 0.1}",
])  # fmt: skip
def test_options_that_no_network_can_have_are_spec_errors(option):
    """They are refused where they are written, not by PyTorch when the network is built."""
    text = f"input: {{shape: [4]}}\nlayers: {{a: {{type: dense, units: 2, {option}}}}}\nmain: [a]"
    with pytest.raises(SpecError, match=option.split(":")[0]):
        LoopyNet(tiny(text))


def test_trace_has_the_values_that_modules_give(net, x):
    seen: dict[str, list[torch.Tensor]] = {}
    handles = []
    for home in (net.layers, net.merges):
        for name, module in home.items():

            def keep(_, __, value, name=name):
                seen.setdefault(name, []).append(value)

            handles.append(module.register_forward_hook(keep))
    trace = net.trace(x)
    for handle in handles:
        handle.remove()
    found = {}
    for name, values in seen.items():
        first = 2 if name == "back" else 1  # nothing arrives in the first pass
        found |= {f"{name}@{t}": value for t, value in enumerate(values, first)}
    assert set(trace) == set(found)
    assert all(torch.equal(trace[key], found[key]) for key in found)
    assert {"stem@1", "conv_1@3", "way@2", "fc@3", "back@2", "far@1"} <= set(trace)
    assert not {"stem@2", "way@3", "back@1"} & set(trace)
    assert torch.equal(trace["fc@3"], net(x))
    shorter = net.trace(x, unrolls=2)
    assert set(shorter) < set(trace)
    assert_all_close(shorter, {key: trace[key] for key in shorter}, 0.0)


def test_record_sees_what_trace_returns(net, x):
    record = {}
    net(x, readout=Each(), record=record.__setitem__)
    terms = {name for name in record if "." in name}
    assert terms == {f"{name}.{term}@{t}" for name, _, t in (n.partition("@") for n in record)
                     if name in net.merges for term in ("forward", "signal")}  # fmt: skip
    assert_all_close(net.trace(x), {n: v for n, v in record.items() if n not in terms}, 0.0)
    only_last = {}
    net(x, record=only_last.__setitem__)
    assert set(record) - set(only_last) == {"fc@1", "fc@2"}


def test_trace_of_the_untied_network_has_the_same_names(net, x):
    assert_all_close(net.untie().trace(x), net.trace(x), 1e-12)


def test_a_trace_has_gradients(net, x):
    x.requires_grad_()
    trace = net.trace(x)
    trace["conv_2@3"].sum().backward()
    assert x.grad.abs().max() > 0


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["deepcopy", "pickle"],
)
@pytest.mark.parametrize("tied", [True, False])
def test_copies(net, x, copied, tied):
    net = net if tied else net.untie()
    other = copied(net)
    assert other.spec == net.spec
    assert torch.equal(other(x), net(x))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert net(x).abs().max() > 1e-3
    assert other(x).abs().max() == 0


def test_state_dict_round_trip(net, x, tmp_path):
    torch.save(net.state_dict(), tmp_path / "net.pt")
    other = LoopyNet(net.spec).double().eval()
    assert (other(x) - net(x)).abs().max() > 1e-3
    loaded = torch.load(tmp_path / "net.pt", weights_only=True)
    assert str(other.load_state_dict(loaded)) == "<All keys matched successfully>"
    assert torch.equal(other(x), net(x))


def test_everything_exists_at_construction(net, x):
    before = {key: value.data_ptr() for key, value in net.state_dict(keep_vars=True).items()}
    net.train()(x)
    assert {k: v.data_ptr() for k, v in net.state_dict(keep_vars=True).items()} == before
    assert len(before) == len(set(before.values()))


@settings(deadline=None, max_examples=40)
@given(document=documents(), tied=st.booleans())
def test_every_parameter_gets_a_gradient(document, tied):
    """With the logits of each unroll nothing is unused; data-parallel training relies on that."""
    document["unroll"]["tied"] = tied
    document["readout"] = "each"
    net = random_net(NetworkSpec.model_validate(document)).train()
    before = list(net.state_dict())
    x = random_input(net).requires_grad_()
    weighed(net(x)).backward()
    assert [key for key, parameter in net.named_parameters() if parameter.grad is None] == []
    assert list(net.state_dict()) == before


def test_training_lowers_the_loss():
    torch.manual_seed(0)
    net = LoopyNet(tiny(TWO_LOOPS)).double().train()
    x, labels = random_input(net, 12), torch.arange(12) % 3
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    losses = []
    for _ in range(15):
        loss = torch.nn.functional.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types(net, x, dtype):
    wanted = net(x)
    logits = net.to(dtype)(x.to(dtype))
    assert logits.dtype == dtype
    assert_close(logits.double(), wanted, "logits", 1e-5)


def test_a_batch_of_one_and_of_none(net, x):
    assert_close(net(x[:1]), net(x)[:1], "logits")
    assert net(x[:0]).shape == (0, 3)


def test_two_threads_share_one_network(net):
    inputs = [random_input(net, 2, seed) for seed in range(2)]
    wanted = [net(x, unrolls=n) for x, n in zip(inputs, (3, 2), strict=True)]
    wrong: list[str] = []
    barrier = threading.Barrier(2)

    def run(i: int) -> None:
        barrier.wait()
        for _ in range(60):
            if not torch.equal(net(inputs[i], unrolls=3 - i), wanted[i]):
                wrong.append("logits")
            trace = net.trace(inputs[i], unrolls=3 - i)
            if not torch.equal(trace[f"fc@{3 - i}"], wanted[i]):
                wrong.append("trace")

    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


NORMS = ["none", "batch", "group"]
NOTHING = {"unrolls": None, "readout": None, "record": None}


@pytest.mark.parametrize("norm", NORMS)
def test_fx_traces_it_into_an_unrolled_graph(norm, x):
    net = random_net(tiny(TWO_LOOPS, norm={"type": norm, "over_time": "per_step"})).eval()
    traced = torch.fx.symbolic_trace(net)
    assert_close(traced(x), net(x), "logits", 1e-12)
    calls = [
        node
        for node in traced.graph.nodes
        if "conv_1" in str(node.target) and "op" in str(node.target)
    ]
    assert len({node.name for node in calls if node.op == "call_module"}) == 3


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_export(norm, tied, x):
    net = random_net(tiny(TWO_LOOPS, norm={"type": norm, "over_time": "per_step"})).eval()
    net = net if tied else net.untie()
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("n", min=2)},))
    module = program.module()
    assert_close(module(x), net(x), "logits", 1e-12)
    more = random_input(net, 5, seed=9)
    assert_close(module(more), net(more), "logits of another batch", 1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_compile(net, x, training):
    net.train(training)
    other = copy.deepcopy(net)
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    wanted, logits = other(x), compiled(x)
    assert_close(logits, wanted, "logits", 1e-12)
    weighed(wanted).backward()
    weighed(logits).backward()
    for (key, parameter), like in zip(net.named_parameters(), other.parameters(), strict=True):
        assert_close(parameter.grad, like.grad, key, 1e-12)
    assert_all_close(dict(net.named_buffers()), dict(other.named_buffers()), 1e-12)
    torch.compiler.reset()


def test_from_yaml(tmp_path):
    file = tmp_path / "example.yaml"
    file.write_text(TWO_LOOPS)
    assert LoopyNet.from_yaml(file).spec == LoopyNet.from_yaml(str(file)).spec == tiny(TWO_LOOPS)
    assert LoopyNet.from_yaml("cifar10-loopy").spec == load_spec("cifar10-loopy")
    with pytest.raises(SpecError, match='Did you mean "cifar10-loopy"'):
        LoopyNet.from_yaml("cifar10-lopy")


def test_the_seed_decides_the_weights():
    def built(seed):
        torch.manual_seed(seed)
        return LoopyNet(tiny(TWO_LOOPS)).state_dict()

    assert_all_close(built(3), built(3), 0.0)
    assert (built(3)["layers.stem.op.weight"] != built(4)["layers.stem.op.weight"]).all()

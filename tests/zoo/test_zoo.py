import pytest
import torch

from loopynet import LoopyNet, SpecError, build_graph, load_spec, parse_spec, to_yaml, zoo_names
from loopynet.graph import costs
from loopynet.zoo import zoo_text

ENTRIES = zoo_names()


def test_the_zoo_has_the_published_networks():
    assert {
        "digits-loopy", "mnist-loopy", "cifar10-vanilla", "cifar10-loopy", "cifar10-deep",
        "cifar10-loop-sum", "cifar10-loop-mul",
    } <= set(ENTRIES)  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_yaml_to_python_to_yaml_loses_nothing(name):
    spec = load_spec(name)
    assert parse_spec(to_yaml(spec)) == spec
    resolved = to_yaml(spec, resolved=True)
    assert to_yaml(parse_spec(resolved), resolved=True) == resolved
    assert build_graph(parse_spec(resolved)) == build_graph(parse_spec(resolved))
    assert costs(build_graph(parse_spec(resolved))) == costs(build_graph(spec))


def shrunk(name):
    """Return changes that make a large network small: images of 64x64, a sixteenth of filters."""
    graph = build_graph(load_spec(name))
    changes = ()
    if costs(graph).multiply_adds > 1e9:
        changes = (f"input.shape={[graph.input_shape[0], 64, 64]}",)
    if costs(graph).parameters > 2e7:
        layers = graph.layers.items()
        filters = {n: v.output_shape[0] for n, v in layers if v.spec.type == "conv2d"}
        changes += tuple(f"layers.{n}.filters={count // 16}" for n, count in filters.items())
    return changes


@pytest.mark.parametrize("name", ENTRIES)
def test_saved_and_loaded_gives_identical_logits(name, tmp_path):
    from safetensors.torch import load_file, save_file

    torch.manual_seed(0)
    net = LoopyNet(load_spec(name, shrunk(name)))
    x = torch.randn(2, *net.graph.input_shape)
    net(x)  # moves the running statistics away from their start
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "config.yaml").write_text(to_yaml(net.spec, resolved=True))
    again = LoopyNet.from_yaml(tmp_path / "config.yaml")
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(net.eval()(x), again.eval()(x))


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_runs_and_says_what_it_is(name):
    assert zoo_text(name).startswith("# ")
    assert load_spec(name).name == name


def numbers(name):
    return costs(build_graph(load_spec(name)))


def test_cifar10_loopy_has_the_published_count():
    assert numbers("cifar10-loopy").numbers == 72_753


def weights_and_biases(name):
    graph = build_graph(load_spec(name))
    copies = {
        n: 1 if graph.tied or v.section != "body" else v.runs for n, v in graph.layers.items()
    }
    return sum(copies[n] * v.spec.parameters(v.input_shape) for n, v in graph.layers.items())


def test_the_loop_adds_no_weights():
    assert weights_and_biases("cifar10-loopy") == weights_and_biases("cifar10-vanilla") == 71_181


def test_deep_is_the_loopy_network_with_three_sets_of_weights():
    convolutions = 71_181 - 30_730
    assert weights_and_biases("cifar10-deep") == 3 * convolutions + 30_730
    loopy, deep = numbers("cifar10-loopy"), numbers("cifar10-deep")
    assert loopy.multiply_adds == deep.multiply_adds


@pytest.mark.parametrize("merge", ["sum", "mul"])
def test_loop_layer_networks_are_matched_to_loopy(merge):
    loopy, layered = numbers("cifar10-loopy"), numbers(f"cifar10-loop-{merge}")
    assert abs(layered.parameters / loopy.parameters - 1) < 0.001
    assert abs(layered.multiply_adds / loopy.multiply_adds - 1) < 0.03
    spec = load_spec(f"cifar10-loop-{merge}")
    assert [spec.layers[n].type for n in spec.main] == ["conv2d", "conv2d", "dense"]
    assert [spec.layers[n].type for n in spec.loops["feedback"].through] == ["conv2d"]


def test_an_unknown_entry_is_met_with_the_nearest_name():
    with pytest.raises(SpecError, match='Did you mean "digits-loopy"'):
        load_spec("digit-loopy")

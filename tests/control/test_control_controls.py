from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings

from loopynet import (
    LoopyNet,
    NetworkSpec,
    SpecError,
    build_graph,
    load_spec,
    parse_spec,
    to_yaml,
    zoo_names,
)
from loopynet.control import CONTROLS, compare_costs, no_loops, same_parameters, untied
from loopynet.graph import costs
from reference.strategies import specs, tiny

WRITTEN_OUT = "belief-propagation"
"""Its weights are values in the file, which fit no other wiring."""
NAMES = [name for name in zoo_names() if name != WRITTEN_OUT]
LOOPY = [name for name in NAMES if load_spec(name).loops]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_control(original: NetworkSpec, control: NetworkSpec, word: str) -> None:
    """Check what holds for every control."""
    build_graph(control)
    assert control.name == f"{original.name}-{word}"
    assert control.data == original.data
    assert control.training == original.training
    assert control.norm == original.norm
    delays = {"delay": None}  # which only a network with loops has
    assert {n: skip.model_copy(update=delays) for n, skip in control.skips.items()} == {
        n: skip.model_copy(update=delays) for n, skip in original.skips.items()
    }
    assert control.main == original.main
    assert control.input == original.input
    assert parse_spec(to_yaml(control)) == control
    resolved = to_yaml(control, resolved=True)
    assert costs(build_graph(parse_spec(resolved))) == costs(build_graph(control))
    if word == "untied":
        changes = {"name": control.name, "unroll": control.unroll}
        assert original.model_copy(update=changes) == control
        assert not control.unroll.tied
        assert control.unroll.steps == original.unroll.steps
    else:
        assert build_graph(control).output_shape == build_graph(original).output_shape
        check_without_loops(original, control)


def check_without_loops(original: NetworkSpec, control: NetworkSpec) -> None:
    assert not control.loops
    assert (control.unroll.steps, control.readout, control.loss.steps) == (1, "last", "last")
    inside = {name for loop in original.loops.values() for name in loop.through}
    assert list(control.layers) == [name for name in original.layers if name not in inside]
    for name, layer in control.layers.items():
        widths = {"filters", "units", "groups"}
        before = original.layers[name].model_dump(exclude=widths)
        assert layer.model_dump(exclude=widths) == before


@pytest.mark.parametrize("word", CONTROLS)
@pytest.mark.parametrize("name", LOOPY)
def test_controls_of_the_zoo(name: str, word: str) -> None:
    original = load_spec(name)
    control = CONTROLS[word](original)
    check_control(original, control, word)
    difference = compare_costs(original, control)
    if word == "same-parameters":
        # The smallest network of the zoo has 9,393 parameters.
        assert abs(difference.relative_parameters) < 0.01
    if word == "same-multiply-adds":
        assert abs(difference.relative_multiply_adds) < 0.02
    if word == "no-loops":
        assert control.layers == {name: original.layers[name] for name in control.layers}
    if word == "untied":
        assert difference.multiply_adds == 0


@pytest.mark.parametrize("word", [word for word in CONTROLS if word != "untied"])
def test_a_network_without_loops_is_its_own_control(word: str) -> None:
    original = load_spec("cifar10-vanilla")
    control = CONTROLS[word](original)
    check_control(original, control, word)
    assert control.layers == original.layers


def test_the_published_controls_are_found() -> None:
    """The paper's vanilla and deep networks are controls of its loopy network."""
    loopy = load_spec("cifar10-loopy")
    vanilla, deep = load_spec("cifar10-vanilla"), load_spec("cifar10-deep")
    assert no_loops(loopy) == vanilla.model_copy(update={"name": "cifar10-loopy-no-loops"})
    assert untied(loopy) == deep.model_copy(update={"name": "cifar10-loopy-untied"})


@QUICK
@given(spec=specs())
def test_controls_of_random_networks(spec: NetworkSpec) -> None:
    try:
        no_loops(spec)
    except SpecError:
        # Some layers fit together only with the channels that a loop brings.
        assume(False)
    for word, control in CONTROLS.items():
        if word == "untied" and not (spec.loops and spec.unroll.steps > 1):
            continue
        try:
            made = control(spec)
        except SpecError as error:
            refusal = str(error)
            made = None
        if made is None:
            assert word.startswith("same")
            assert "no hidden layer is free to change" in refusal
        else:
            check_control(spec, made, word)


LOOP = """
name: small
input: {shape: [2, 6, 6]}
templates:
  conv: {type: conv2d, filters: 8, activation: relu}
  wide: {type: conv2d, size: 5, filters: 2}
layers:
  conv_1: {template: conv}
  conv_2: {template: conv}
  back: {template: wide}
  fc: {type: dense, units: 3}
main: [conv_1, conv_2, fc]
loops:
  feedback: {from: conv_2, through: [back], to: conv_1, merge: sum}
unroll: {steps: 3}
readout: each
loss: {steps: [1, 2, 3]}
"""


def test_what_belongs_to_the_loops_goes_with_them() -> None:
    assert to_yaml(no_loops(parse_spec(LOOP))) == (
        "name: small-no-loops\n"
        "input: {shape: [2, 6, 6]}\n"
        "templates:\n"
        "  conv: {type: conv2d, filters: 8, activation: relu}\n"
        "layers:\n"
        "  conv_1: {template: conv}\n"
        "  conv_2: {template: conv}\n"
        "  fc: {type: dense, units: 3}\n"
        "main: [conv_1, conv_2, fc]\n"
        "loss: {steps: last}\n"
    )


@pytest.mark.parametrize("word", ["no-loops", "same-parameters", "same-multiply-adds"])
def test_a_network_that_runs_to_convergence_has_the_full_gradient_without_loops(word: str) -> None:
    changes = ("norm={type: group, over_time: shared}", "unroll.until=converged")
    spec = load_spec(
        "digits-loopy",
        (*changes, "training.gradient=implicit", "training.optimizer={type: sgd, momentum: 0.9}"),
    )
    control = CONTROLS[word](spec)
    assert control.training.gradient.name == "full"
    assert control.training.optimizer == spec.training.optimizer
    assert parse_spec(to_yaml(control)) == control


def test_networks_that_have_nothing_to_untie_are_refused() -> None:
    with pytest.raises(SpecError, match="loops: the network has no loops"):
        untied(load_spec("cifar10-vanilla"))
    with pytest.raises(SpecError, match=r"unroll\.steps: is 1, so that there is nothing"):
        untied(load_spec("cifar10-loopy", ("unroll.steps=1",)))


def test_a_network_that_needs_its_loop_is_refused() -> None:
    spec = tiny(
        """
        input: {shape: [3, 4, 4]}
        layers:
          mixed: {type: conv2d, filters: 2, groups: 2}
          conv: {type: conv2d, filters: 1}
          fc: {type: dense, units: 2}
        main: [mixed, conv, fc]
        loops: {back: {from: conv, to: mixed, merge: concat}}
        unroll: {steps: 2}
        """
    )
    build_graph(spec)
    with pytest.raises(SpecError, match=r"layers\.mixed: without the loops, has 3 input channels"):
        no_loops(spec)


def test_a_network_whose_loop_makes_classes_is_refused() -> None:
    spec = tiny(
        """
        input: {shape: [3, 4, 4]}
        layers:
          conv: {type: conv2d, filters: 2}
          joined: {type: identity}
          side: {type: conv2d, filters: 2}
          pool: {type: global_pool}
        main: [conv, joined, pool]
        loops: {back: {from: joined, through: [side], to: joined, merge: concat}}
        unroll: {steps: 2}
        """
    )
    message = r"main: without the loops, the logits are \[2\] and not \[4\]"
    with pytest.raises(SpecError, match=message):
        no_loops(spec)


def test_a_network_without_free_widths_is_refused() -> None:
    spec = tiny(
        """
        input: {shape: [3, 4, 4]}
        layers: {pool: {type: pool2d}, fc: {type: dense, units: 2}}
        main: [pool, fc]
        loops: {back: {from: fc, to: fc, merge: sum, fit: project}}
        unroll: {steps: 2}
        """
    )
    with pytest.raises(SpecError, match="no hidden layer is free to change"):
        same_parameters(spec)


def test_a_long_name_is_cut() -> None:
    spec = load_spec("cifar10-loopy", (f"name={'n' * 100}",))
    for word, control in CONTROLS.items():
        name = control(spec).name
        assert len(name) == 100
        assert name.endswith(f"n-{word}")


def test_each_control_has_a_line_of_help() -> None:
    for control in CONTROLS.values():
        line = (control.__doc__ or "").splitlines()[0]
        assert line.endswith(".")
        assert len(line) < 90


def test_torch_is_not_imported() -> None:
    code = (
        "import sys; from loopynet import load_spec; from loopynet.control import CONTROLS\n"
        "[control(load_spec('mnist-loopy')) for control in CONTROLS.values()]\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("word", CONTROLS)
def test_pytorch_builds_what_was_counted(word: str) -> None:
    control = CONTROLS[word](load_spec("cifar10-loopy"))
    net = LoopyNet(control)
    count = sum(weight.numel() for weight in net.parameters())
    assert count == costs(build_graph(control)).parameters


DELAYED = LOOP.replace("unroll: {steps: 3}", "unroll: {steps: 6, schedule: parallel}").replace(
    "loss: {steps: [1, 2, 3]}", "skips: {over: {from: conv_1, to: conv_2, delay: 2, fit: project}}"
)


def test_controls_of_a_network_with_delays() -> None:
    original = parse_spec(DELAYED)
    assert build_graph(original).first_readout == 2
    plain = no_loops(original)
    assert "delay" not in to_yaml(plain)
    assert set(build_graph(plain).delays) == set()
    made = untied(original)
    assert made.unroll.schedule == "parallel"
    assert costs(build_graph(made)).multiply_adds == costs(build_graph(original)).multiply_adds
    target = costs(build_graph(original)).multiply_adds
    matched = costs(build_graph(CONTROLS["same-multiply-adds"](original))).multiply_adds
    assert abs(matched - target) < 0.05 * target

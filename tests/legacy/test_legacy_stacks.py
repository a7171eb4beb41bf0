from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loopynet.errors import SpecError
from loopynet.legacy import import_legacy

Write = Callable[..., str]


def loop(*structure: str, mode: object = "sum", **more: object) -> dict[str, Any]:
    return {"type": "loop", "structure": list(structure), "composition_mode": mode, **more}


def test_loops_keep_the_order_of_the_file(with_loops: Write) -> None:
    text = with_loops(z=loop("c", "p", "a"), y=loop("b", "a", mode="mul"), x=loop("c", "q", "c"))
    imported = import_legacy(text)
    assert list(imported.spec["loops"].items()) == [
        ("z", {"from": "c", "to": "a", "through": ["p"], "merge": "sum"}),
        ("y", {"from": "b", "to": "a", "merge": "mul"}),
        ("x", {"from": "c", "to": "c", "through": ["q"], "merge": "sum"}),
    ]
    assert 'The loops "z", "y" all end in "a"; the old library kept only one' in imported.notes[0]


def test_the_unrolls_are_those_asked_for(with_loops: Write) -> None:
    imported = import_legacy(with_loops(z=loop("c", "a")), unrolls=7)
    assert imported.spec["unroll"] == {"steps": 7, "tied": True, "schedule": "sequential"}
    assert "The file does not say how often to unroll; unroll.steps is 7." in imported.notes


def test_without_loops_there_is_one_step(with_loops: Write) -> None:
    spec = import_legacy(with_loops(), unrolls=7).spec
    assert spec["unroll"] == {"steps": 1}
    assert "loops" not in spec


@pytest.mark.parametrize("unrolls", [0, -1, True, 10_001])
def test_unrolls_out_of_range_are_refused(with_loops: Write, unrolls: int) -> None:
    with pytest.raises(SpecError, match=r"unrolls: .* is out of range"):
        import_legacy(with_loops(), unrolls=unrolls)


def test_composition_node_may_be_a_word(with_loops: Write) -> None:
    stack = loop("c", "a", mode=None, composition_node="mul")
    assert import_legacy(with_loops(z=stack)).spec["loops"]["z"]["merge"] == "mul"


def test_layers_of_keras_are_tied_with_a_note(with_loops: Write) -> None:
    text = with_loops(z=loop("c", "a")).replace("lasagne", "keras")
    assert "gave each unroll weights of its own" in " ".join(import_legacy(text).notes)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ({"type": "residual", "structure": ["a", "b"]}, 'stacks.z: the type "residual" cannot be'),
        ({"structure": ["a", "b"]}, "stacks.z: no type cannot be represented"),
        ({"type": ["loop"]}, "the type a list cannot be represented"),
        ({"type": "main", "structure": ["input", "a"]}, "stacks.z: a second main stack"),
        ({"type": "loop", "composition_mode": "sum"}, 'stacks.z: no list of layers; write "str'),
        ({"type": "loop", "structure": "a"}, "stacks.z.structure: no list of layers"),
        (loop("a"), "stacks.z: a loop needs a start and an end"),
        (loop("c", "aa"), 'stacks.z.structure.1: no layer "aa". Did you mean "a"?'),
        (loop("c", "zzz"), 'no layer "zzz". Write it under layers.'),
        ({**loop(), "structure": ["c", ["a"]]}, "no layer a list"),
        (loop("p", "a"), '"p" is not in the main stack'),
        (loop("c", "input"), '"input" is the input'),
        (loop("a", "c"), "stacks.z: runs forward"),
        (loop("c", "b", "a"), '"b" is in the main stack; name a layer of its own'),
        (loop("c", "p", "p", "a"), '"p" is in the loop "z" already'),
        (loop("c", "a", mode=None), "stacks.z: how it joins is missing"),
        (loop("c", "a", mode="max"), "stacks.z.composition_mode: this composition is unknown"),
        (loop("c", "a", mode=["sum"]), "this composition is unknown"),
        (loop("c", "a", composition_node="mul"), "stacks.z.composition_node: differs"),
        (loop("c", "a", mod=1), "stacks.z.mod: a stack has no such key."),
    ],
)
def test_wrong_stacks_are_refused(with_loops: Write, stack: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as error:
        import_legacy(with_loops(z=stack), "net.py")
    assert str(error.value).startswith("net.py:1 stacks.z")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        ((), "stacks.main: a main stack needs the input"),
        (("input",), "a main stack needs the input and at least one layer"),
        (("a", "b"), '"a" is no input; start the main stack with "input"'),
        (("input", "a", "b", "a"), 'stacks.main.structure.3: "a" stands on line 1 already'),
        (("input", "a", "none"), 'no layer "none"'),
    ],
)
def test_wrong_main_stacks_are_refused(
    with_loops: Write, structure: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SpecError) as error:
        import_legacy(with_loops(structure))
    assert message in str(error.value)


def test_a_main_stack_is_needed(with_loops: Write) -> None:
    with pytest.raises(SpecError, match="no main stack"):
        import_legacy(with_loops().replace("'type': 'main'", "'type': 'loop'"))


def test_an_input_in_a_loop_is_refused(with_loops: Write) -> None:
    text = with_loops(z=loop("c", "p", "a")).replace(
        "'p': {'type': 'dense'", "'p': {'type': 'input'"
    )
    with pytest.raises(SpecError, match=r"layers\.p: an input that is not the first"):
        import_legacy(text)


def test_a_descriptor_of_a_stack_is_left_out(with_loops: Write) -> None:
    imported = import_legacy(with_loops(z=loop("c", "a", descriptor="feedback")))
    assert "stacks.z.descriptor is a description only and was left out." in imported.notes

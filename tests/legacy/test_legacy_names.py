from __future__ import annotations

from collections.abc import Callable

import pytest

from loopynet.legacy import import_legacy
from loopynet.legacy.names import rename

Write = Callable[..., str]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["a", "b-2", "_c"], ["a", "b-2", "layer_c"]),
        (["loop_1.1", "loop_1_1"], ["loop_1_1_layer", "loop_1_1"]),
        (["loop 1", "loop.1", "loop/1"], ["loop_1", "loop_1_layer", "loop_1_layer_2"]),
        (["1a", ""], ["layer1a", "layer"]),
        (["é\n", "taken"], ["layer__", "taken_layer"]),
        (["x" * 70], ["x" * 64]),
    ],
)
def test_new_names_are_valid_and_different(old: list[str], new: list[str]) -> None:
    notes: list[str] = []
    renamed = rename(old, "layer", {"taken"}, notes, {})
    assert list(renamed.values()) == new
    assert len(notes) == sum(first != second for first, second in renamed.items())
    assert all(note.isprintable() for note in notes)


def test_a_wish_is_granted_if_it_is_free() -> None:
    assert rename(["output"], "layer", {"output"}, [], {"output": "logits"}) == {"output": "logits"}
    renamed = rename(["output", "logits"], "layer", {"output"}, [], {"output": "logits"})
    assert renamed == {"output": "logits_2", "logits": "logits"}


def test_layers_are_renamed_wherever_they_stand(with_loops: Write) -> None:
    stack = {"type": "loop", "structure": ["c.1", "p.1", "a"], "composition_mode": "sum"}
    text = with_loops(("input", "a", "b", "c.1"), a=stack)
    text = text.replace("'c': {", "'c.1': {").replace("'p': {", "'p.1': {")
    imported = import_legacy(text)
    assert imported.spec["main"] == ["a", "b", "c_1"]
    assert imported.spec["loops"] == {
        "a_loop": {"from": "c_1", "to": "a", "through": ["p_1"], "merge": "sum"}
    }
    assert 'The layer "c.1" was renamed to c_1.' in imported.notes
    assert 'The loop "a" was renamed to a_loop.' in imported.notes


def test_output_becomes_logits_and_reserved_names_are_left(with_loops: Write) -> None:
    text = with_loops(("input", "a", "train", "output")).replace("'b': {", "'train': {")
    imported = import_legacy(text.replace("'c': {", "'output': {"))
    assert imported.spec["main"] == ["a", "train_layer", "logits"]


def test_an_input_of_another_name_is_the_input(with_loops: Write) -> None:
    text = with_loops(("img", "a", "input", "c"))
    text = text.replace("'input': {", "'img': {").replace("'b': {", "'input': {")
    assert import_legacy(text).spec["main"] == ["a", "input_layer", "c"]


@pytest.mark.parametrize(
    ("given", "source", "name"),
    [
        ("'net'", "x.py", "net"),
        ("'c3+loop x'", "x.py", "c3-loop-x"),
        ("'.._'", "x.py", "network"),
        ("None", "some/c3_c5+sm.py", "c3_c5-sm"),
        ("None", "<string>", None),
        ("None", "é.py", None),
    ],
)
def test_names_of_networks(with_loops: Write, given: str, source: str, name: str | None) -> None:
    text = with_loops().replace("'name': 'net'", f"'name': {given}")
    assert import_legacy(text, source).spec.get("name") == name

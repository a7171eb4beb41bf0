from __future__ import annotations

import warnings

import pytest

from loopynet.errors import SpecError
from loopynet.legacy.literal import MAX_CHARACTERS, Plain, plain, read_literal


def read(text: str) -> tuple[Plain, list[str]]:
    notes: list[str] = []
    return plain(read_literal(text, "net.py", notes)), notes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("{'a': (1, 2), 'b': [1.5, -2], 'c': None}", {"a": [1, 2], "b": [1.5, -2], "c": None}),
        ("\ufeff# first\n\n   # second\n\t {'a': True,}  # last\n\n", {"a": True}),
        ("{'a'\n\t:\n\t'x' 'y' \"z\",\t}", {"a": "xyz"}),
        ("{u'a': -1.5e-3}", {"a": -0.0015}),
        ("# only\r\n{'a': (5,)}\r\n", {"a": [5]}),
        ("{'a': {'b': {}}, }", {"a": {"b": {}}}),
        ("{'a': 0x10, 'b': 1_000}", {"a": 16, "b": 1000}),
    ],
)
def test_literals_are_read(text: str, value: Plain) -> None:
    assert read(text)[0] == value


def test_every_value_knows_its_line_and_path() -> None:
    root = read_literal("# one\n{'a':\n  {'b': [1,\n   2]}}", "net.py", [])
    assert isinstance(root.value, dict)
    a = root.value["a"]
    assert isinstance(a.value, dict)
    b = a.value["b"]
    assert isinstance(b.value, list)
    places = [(node.place.line, node.place.path) for node in (a, b, *b.value)]
    assert places == [(2, "a"), (3, "a.b"), (3, "a.b.0"), (4, "a.b.1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'a': {'b':\n lambda x: x}}", "net.py:2 a.b: a lambda is code, not data; write the val"),
        ("{'composition_mode': lambda: 1}", 'write "sum" or "mul" as composition_mode'),
        ("{'a': f()}", "net.py:1 a: a call is code"),
        ("{'a': [x]}", 'net.py:1 a.0: the name "x" is code'),
        ("{'a': true}", 'the name "true" is code'),
        ("{'a': 'x' + 'y'}", "an operation is code"),
        ("{'a': 2 * 3}", "an operation is code"),
        ("{'a': --3}", "an operation is code"),
        ("{'a': -'3'}", "an operation is code"),
        ("{'a': -True}", "an operation is code"),
        ("{'a': not 1}", "an operation is code"),
        ("{'a': f'x'}", "an f-string is code"),
        ("{'a': {1, 2}}", "a set is code"),
        ("{'a': b.c}", "an attribute is code"),
        ("{'a': [x for x in 'y']}", "a comprehension is code"),
        ("{'a': 1 if 2 else 3}", "an expression is code"),
        ("{**{}}", "a ** is code"),
        ("{f(): 1}", "a call is code"),
        ("{1: 2}", 'the key "1" is no text'),
        ("{(1, 2): 2}", "an expression is code"),
        ("{'a': b'x'}", "bytes cannot be read"),
        ("{'a': 2j}", "a complex number cannot be read"),
        ("{'a': ...}", "an ellipsis cannot be read"),
        ("{'a': 1e999}", "a number beyond 1,000,000,000"),
        ("{'a': -10000000000}", "a number beyond"),
        ("{'a': 0x" + "f" * 9000 + "}", "a number beyond"),
        ("{'a': '\\ud800'}", "is no valid text"),
        ("x = {}", "net.py:1 not one Python dictionary ("),
        ("{'a': 1}\n{'b': 2}", "net.py:2 not one Python dictionary ("),
        ("{'a': 1\n 'b': 2}", "comma after each item"),
        ("", "not one Python dictionary ("),
        ("{'a': 1" + "0" * 9000 + "}", "not one Python dictionary ("),
        ("# x\n\0{}", "net.py:2 a NUL byte"),
        ("{'a': '\ud800'}", "characters that are no text"),
        ("[" * 150 + "]" * 150, "nested deeper than 20 levels"),
        ("-" * 50_000 + "1", "nested too deeply"),
        ("1" + "+1" * 100_000, "nested too deeply"),
        ("a" + ".b" * 100_000, "nested too deeply"),
        ("[" + "1," * 3000 + "]", "more than 2,000 items"),
        ("{" + "'a':1," * 3000 + "}", "more than 2,000 items"),
        ("#" * (MAX_CHARACTERS + 1), "larger than 1,000,000 characters"),
    ],
)
def test_what_is_no_plain_data_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        read(text)
    assert message in str(error.value)
    assert str(error.value).isprintable()


def test_equal_repetitions_are_noted() -> None:
    value, notes = read("{'a': {'b': [1]},\n\n 'a': {'b': (1,)}}")
    assert value == {"a": {"b": [1]}}
    assert notes == ["a stands twice with the same content (lines 1 and 3); read once."]


@pytest.mark.parametrize("second", ["2", "1.0", "True", "'1'", "[1]"])
def test_differing_repetitions_are_refused(second: str) -> None:
    with pytest.raises(SpecError, match=r"net\.py:2 a: differs from the same key on line 1"):
        read(f"{{'a': 1,\n'a': {second}}}")


def test_strange_keys_stay_on_one_line_of_a_message() -> None:
    with pytest.raises(SpecError) as error:
        read(f"{{'new\\nline\u2028' '{'x' * 500}': f()}}")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 200


def test_no_warning_of_the_parser_escapes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read("{'a': '\\d'}")[0] == {"a": "\\d"}

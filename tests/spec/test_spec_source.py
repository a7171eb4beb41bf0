"""YAML as plain data: which words are which values, and where every key stands."""

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from loopynet import SpecError
from loopynet.spec.source import parse_source, plain_value, read_source
from reference.texts import EXAMPLE


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("007", 7),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        ("-1.5e+2", -150.0),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        # Words of YAML 1.1 that are plain text here.
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("nan", "nan"),
        ("infinity", "infinity"),
        ("e3", "e3"),
        ("1e", "1e"),
        ("--1", "--1"),
        ("٣", "٣"),  # a digit of another script
    ],
)
def test_unquoted_words(text, value):
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)
    data = parse_source(f"key: {text}").data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("text", ["3", "true", "null", "1e-3", "yes", ""])
def test_quoted_words_are_text(text, quote):
    assert parse_source(f"key: {quote}{text}{quote}").data == {"key": text}


def test_a_number_of_many_digits_takes_no_time():
    assert plain_value("9" * 18) == 10**18 - 1
    assert plain_value("9" * 400) == math.inf
    assert plain_value("-1e999") == -math.inf


def test_every_key_has_its_line():
    text = "a: 1\n\n# a comment\nb:\n  c: [1,\n      2]\n  d: {e: 3,\n      f: 4}\n"
    source = parse_source(text, "net.yaml")
    places = {(): 1, ("a",): 1, ("b",): 4, ("b", "c"): 5, ("b", "c", 0): 5, ("b", "c", 1): 6}
    places |= {("b", "d"): 7, ("b", "d", "e"): 7, ("b", "d", "f"): 8}
    assert {place: source.line(place) for place in places} == places
    assert source.line(("b", "d", "missing", "deeper")) == 7
    assert source.line(("nothing",)) == 1
    assert str(source.error("is odd", ("b", "d", "f"))) == "net.yaml:8 b.d.f: is odd"
    assert str(source.error("is odd", ())) == "net.yaml:1 is odd"


def test_a_layers_option_is_on_its_templates_line():
    source = parse_source(EXAMPLE, "net.yaml")
    assert source.line(("layers", "conv_1", "size")) == 4
    assert source.line(("layers", "conv_1", "filters")) == 6
    assert source.line(("layers", "fc", "size")) == 8
    assert source.line(("layers", "none", "size")) == 5


def test_blame_adds_file_and_line_to_a_path_only():
    source = parse_source(EXAMPLE, "net.yaml")
    with pytest.raises(SpecError) as caught, source.blame():
        raise SpecError("is odd", ("loops", "feedback", "to"))
    assert str(caught.value) == "net.yaml:11 loops.feedback.to: is odd"
    assert caught.value.path == ()
    with pytest.raises(SpecError, match=r"^says all$"), source.blame():
        raise SpecError("says all")


def test_aliases_are_copies_of_plain_data():
    source = parse_source("a: &a {x: [1]}\nb: *a\n")
    assert source.data == {"a": {"x": [1]}, "b": {"x": [1]}}


def test_keys_are_text():
    assert parse_source("{1: a, true: b, null: c}").data == {"1": "a", "true": "b", "null": "c"}


def test_the_document_may_hold_as_much_as_a_network_needs(tmp_path):
    file = tmp_path / "many.yaml"
    file.write_text("a: [" + ", ".join(["x"] * 20_000) + "]")
    assert len(read_source(file).data["a"]) == 20_000


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text("abc_ #:-'\"\n~019.e"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc_~1", max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=100)
@given(data=plain)
def test_plain_data_is_read_as_it_was_written(data):
    """With texts quoted, so that the reader's words are no question."""
    text = yaml.dump(data, default_style='"', allow_unicode=True, Dumper=_Quoted)
    assert parse_source(text).data == data


class _Quoted(yaml.SafeDumper):
    """Quotes text and nothing else; writes no aliases."""

    def ignore_aliases(self, data):
        return True

    def represent_scalar(self, tag, value, style=None):
        quoted = tag == "tag:yaml.org,2002:str"
        self.default_style = None
        return super().represent_scalar(tag, value, '"' if quoted else None)

"""Whatever a file holds, a SpecError is the worst that comes out."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loopynet import SpecError, load_spec, to_yaml
from loopynet.spec.read import override
from loopynet.spec.source import parse_source
from loopynet.zoo import zoo_text
from reference.texts import EXAMPLE, graph_of

TEXTS = [
    EXAMPLE,
    zoo_text("cifar10-loopy"),
    to_yaml(load_spec("cifar10-loopy"), resolved=True),
]
PLAIN_WORDS = """
~ null true 0 1 -1 2 3 7 0.5 -0.0 1e30 1e999 99999999999999999999 .nan 2020-01-01 ² ٣ ﬀ
[] {} [[]] [1] [a,a] {a:} {type:[1]} *x &x [*x] << ' " \\ ? | > % @ ` # : - , = !!int !!str !x
input conv_1 fc concat project resize gate each group layer same valid absent zero one identity
dense conv2d conv_transpose2d pool2d maxout upsample global_pool norm local_response_norm dropout
flatten scale factor: values atanh pad progressive
through: template: activation: norm: groups: padding: size: delay: initial: fit: merge:
"""
SPACED_WORDS = [" ", "\n", "\n  ", "\t", "\r", "\x85", "\u2028", "\ufeff", '"\\n"', '"\\0"']
SPACED_WORDS += ['"\\ud800"', "[3, 8, 8]", "{type: conv2d, filters: 2}", "{type: {}}", "{a: b}"]
WORDS = st.sampled_from(PLAIN_WORDS.split() + SPACED_WORDS)
changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), WORDS), min_size=1, max_size=4)


def only_spec_errors(text: str) -> None:
    with contextlib.suppress(SpecError):
        graph_of(text)


@settings(deadline=None, max_examples=150)
@given(text=st.text())
@example("\\")
@example('"\\U0011ffff"')
def test_arbitrary_text(text):
    only_spec_errors(text)


@settings(deadline=None, max_examples=150)
@given(text=st.sampled_from(TEXTS), edits=changes)
def test_valid_text_with_random_edits(text, edits):
    for where, length, word in edits:
        start = int(where * len(text))
        text = text[:start] + word + text[start + length :]
    only_spec_errors(text)


@settings(deadline=None, max_examples=150)
@given(text=st.sampled_from(TEXTS), data=st.data())
def test_valid_documents_with_random_values(text, data):
    source = parse_source(text, "net.yaml")
    for _ in range(data.draw(st.integers(1, 2))):
        line_of = data.draw(st.sampled_from(sorted(source.lines, key=str)))
        if line_of:
            with contextlib.suppress(SpecError):
                key = ".".join(map(str, line_of))
                source = override(source, [f"{key}={data.draw(WORDS)}"])
    only_spec_errors(to_text(source.data))


@settings(deadline=None, max_examples=100)
@given(change=st.text(max_size=30) | st.builds("{}={}".format, st.text(max_size=9), WORDS))
def test_arbitrary_overrides(change):
    with contextlib.suppress(SpecError):
        override(parse_source(EXAMPLE), [change])


def to_text(value) -> str:
    """Return plain data as flow-style YAML, unquoted, so that words stay as they were drawn."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {to_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_text, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


@pytest.mark.parametrize("text", TEXTS)
def test_the_texts_that_are_edited_are_valid(text):
    graph_of(text)
    graph_of(to_text(parse_source(text).data))

"""Whatever the text is: an import, or one SpecError of one line."""

from __future__ import annotations

import string
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopynet.errors import SpecError
from loopynet.graph import build_graph
from loopynet.legacy import import_legacy, to_yaml
from loopynet.spec import parse_spec

WORDS = [
    *("input", "output", "a", "a.b", "train", "conv2d", "dense", "pool2d", "dropout", "identity"),
    *("main", "loop", "residual", "sum", "mul", "lasagne", "keras", "relu", "softmax", "same"),
    *("glorot_uniform", "normal", "zeros", "", "é\n"),
]
KEYS = [
    *("framework", "name", "run_params", "templates", "layers", "stacks", "layer_defaults"),
    *("type", "template", "structure", "composition_mode", "composition_node", "use_batchnorm"),
    *("num_filters", "filter_size", "pad", "stride", "pool_size", "mode", "output_dim", "dim"),
    *("nonlinearity", "activation", "W", "init", "b", "nb_row", "nb_col", "p", "descriptor"),
    *WORDS,
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 5), st.floats(), st.sampled_from(WORDS)
)
VALUES = st.recursive(
    SCALARS,
    lambda children: st.one_of(
        st.lists(children, max_size=4),
        st.tuples(children, children),
        st.dictionaries(st.sampled_from(KEYS), children, max_size=5),
    ),
    max_leaves=25,
)
PIECES = [*"{}[]():,'\"#\\-+*\n\t \0\ud800\u2028", "lambda x: x", "None", "1e999", "**", "f'{x}'"]


def check(text: str) -> None:
    imported = None
    message = "net.py:"
    try:
        imported = import_legacy(text, "net.py")
    except SpecError as error:
        message = str(error)
    assert message.startswith("net.py:")
    assert message.isprintable()
    if imported is not None:
        written = to_yaml(imported)
        assert yaml.safe_load(written) == imported.spec
        parse_spec(written)


@given(st.text())
def test_any_text(text: str) -> None:
    check(text)


@given(st.text(alphabet=string.printable))
def test_any_text_in_braces(text: str) -> None:
    check("{" + text + "}")


@given(st.lists(st.sampled_from([*PIECES, *map(repr, KEYS)]), max_size=40))
def test_any_pieces(pieces: list[str]) -> None:
    check("".join(pieces))


@given(VALUES)
def test_any_data(value: Any) -> None:
    check(repr(value))


@given(st.data())
@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_damaged_files(loopy: str, data: st.DataObject) -> None:
    text = loopy
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        piece = data.draw(st.sampled_from([*PIECES, *WORDS, *"0123456789", "", ""]))
        text = text[:start] + piece + text[end:]
    check(text)


@given(st.data())
@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_values_exchanged(loopy: str, data: st.DataObject) -> None:
    lines = loopy.splitlines(keepends=True)
    number = data.draw(st.integers(0, len(lines) - 1))
    before, colon, after = lines[number].rpartition(":")
    if colon:
        end = after.lstrip().find(",")
        tail = after.lstrip()[end:] if end >= 0 else after.lstrip().lstrip(string.ascii_letters)
        lines[number] = f"{before}: {data.draw(VALUES)!r}{tail}"
    check("".join(lines))


_COUNT = st.integers(1, 4)
_ACTIVATION = st.sampled_from(["relu", "softmax", "linear", None])
_DENSE = st.fixed_dictionaries(
    {"type": st.just("dense"), "output_dim": st.just(3)},
    optional={"nonlinearity": _ACTIVATION, "b": st.none(), "W": st.just("normal")},
)
_NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=4, max_size=6, unique=True)


@given(_NAMES, st.data(), st.booleans())
@settings(deadline=None)
def test_any_names_give_a_network(names: list[str], data: st.DataObject, norm: bool) -> None:
    *main, through = [name for name in names if name != "input"]
    layers: dict[str, Any] = {name: data.draw(_DENSE) for name in (*main, through)}
    ends = sorted(data.draw(st.tuples(*[st.integers(0, len(main) - 1)] * 2)), reverse=True)
    loop = {"type": "loop", "structure": [main[ends[0]], through, main[ends[1]]]}
    stacks = {
        "main_stack": {"type": "main", "structure": ["input", *main]},
        data.draw(st.sampled_from(names)): {**loop, "composition_mode": "mul"},
    }
    document = {
        "framework": "lasagne",
        "run_params": {"use_batchnorm": norm},
        "layers": {"input": {"output_dim": 3}, **layers},
        "stacks": stacks,
    }
    imported = import_legacy(repr(document), "net.py")
    graph = build_graph(parse_spec(to_yaml(imported)))
    assert graph


@pytest.mark.parametrize("count", [3_000, 30_000])
def test_large_files_are_refused_soon(count: int) -> None:
    layers = ",".join(f"'{i}é':{{'type':'identity'}}" for i in range(count))
    check(f"{{'layers':{{{layers}}},'stacks':{{}}}}"[:1_000_000])

"""Names of a module, of one of its calls, and of one of its tensors."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch

from loopynet import LoopyNetError
from loopynet.wrap.port import Port, argument, describe

KNOWN = {"a": "a", "a.b": "a.b", "alias": "a.b"}


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("a", Port("a")),
        ("a.b#12", Port("a.b", 12)),
        ("a[0]", Port("a", None, 0)),
        ("a.b#2[last_hidden]", Port("a.b", 2, "last_hidden")),
        ("alias[1]", Port("a.b", None, 1)),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, port: Port) -> None:
    assert Port.parse(text, "x.from", KNOWN) == port
    if not text.startswith("alias"):
        assert str(port) == text


@pytest.mark.parametrize("text", ["", "a#0", "a#", "a[]", "a[0][1]", "a@2", "a b", "#1", "[0]"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(LoopyNetError, match=r"x.from: .* is no name of a module"):
        Port.parse(text, "x.from", KNOWN)


def test_parts_of_outputs() -> None:
    x, y = torch.zeros(2, 3), torch.ones(2, 3)
    pair = namedtuple("pair", "first second")(x, y)
    for output, part in (((x, y), 1), ([x, y], 1), ({"y": y}, "y"), (pair, "second"), (pair, 1)):
        assert Port("a", None, part).of_output(output) is y
    for output, part in (((x, y), 2), ({"y": y}, "x"), (x, 0), (None, "y"), ({"y": 3}, "y")):
        with pytest.raises(LoopyNetError, match=r'"a" returns .*; name one that is a tensor'):
            Port("a", None, part).of_output(output)


def test_the_argument_that_is_meant() -> None:
    x, ids = torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)
    assert Port("a").of_arguments((x, x), {"z": x}) == 0
    assert Port("a").of_arguments((), {"mask": None, "hidden": x}) == "hidden"
    assert Port("a", None, 1).of_arguments((ids, x), {}) == 1
    assert argument((x,), {}, 5) is None
    for args, kwargs in (((), {"a": x, "b": x}), ((None, x), {}), ((), {})):
        with pytest.raises(LoopyNetError, match='where "a" names no tensor'):
            Port("a").of_arguments(args, kwargs)
    with pytest.raises(LoopyNetError, match=r'"a" takes \[2\] of int64'):
        Port("a").of_arguments((ids,), {})


def test_values_in_words() -> None:
    value = ({"x": torch.zeros(2, 3)}, None, [torch.zeros(1, dtype=torch.bool)])
    assert describe(value) == "tuple (0: dict (x: [2, 3]), 1: NoneType, 2: list (0: [1] of bool))"

"""Shapes and the numbers they are given as."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopynet.parts.shape import LARGEST, ShapeError, image, numbers, padded_shape, pair, show, size


@given(value=st.integers(), least=st.sampled_from((0, 1)))
def test_numbers_takes_a_number_in_range(value, least):
    inside = least <= value <= LARGEST
    assert numbers(value, least) == (value if inside else None)
    assert numbers([value, 2], least) == ((value, 2) if inside else None)
    assert numbers((2, value), least) == ((2, value) if inside else None)


@pytest.mark.parametrize(
    "value", [None, True, [True, 1], 1.0, "1", [1], [1, 1, 1], [], {}, {1, 2}, [[1, 1]], [1, None]]
)
def test_numbers_takes_nothing_else(value):
    assert numbers(value, 0) is None


def test_pair():
    assert pair(3) == (3, 3)
    assert pair((3, 4)) == (3, 4)


def test_size_and_show():
    assert size((3, 4, 5)) == 60
    assert size((7,)) == 7
    assert show((3, 4, 5)) == "[3, 4, 5]"
    assert show((7,)) == "[7]"


@pytest.mark.parametrize(
    ("signal", "target", "possible"),
    [
        ((16, 32, 32), (32, 16, 16), True),
        ((16, 31, 31), (16, 16, 8), True),
        ((3, 5, 5), (3, 4, 4), False),
        ((3, 4, 4), (3, 8, 8), False),
        ((4, 4, 4), (3, 4, 4), False),
        ((4,), (9,), True),
        ((4,), (9, 1, 1), False),
    ],
)
def test_padded_shape(signal, target, possible):
    assert padded_shape(signal, target) == (target if possible else None)


def test_image():
    assert image((3, 4, 5)) == (3, 4, 5)
    with pytest.raises(ShapeError, match=r"its input is \[7\]"):
        image((7,))

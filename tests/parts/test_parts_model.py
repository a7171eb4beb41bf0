"""The base of everything in a spec: frozen, finite, and exact about its keys."""

import math

import pytest
from pydantic import Field, ValidationError

from loopynet.parts.model import SpecModel, located_errors


class Point(SpecModel):
    across: float = 0.0
    down: float = Field(0.0, alias="height")


def test_unknown_keys_are_told_with_the_nearest():
    with pytest.raises(ValidationError) as caught:
        Point.model_validate({"acros": 1, "heigth": 2})
    errors = {error["loc"]: error["msg"] for error in caught.value.errors()}
    assert errors == {
        ("acros",): 'unknown key "acros". Did you mean "across"?',
        ("heigth",): 'unknown key "heigth". Did you mean "height"?',
    }
    with pytest.raises(ValidationError, match="Known keys: across, height"):
        Point.model_validate({"zzz": 1})


def test_keys_have_both_names_from_python():
    assert Point(down=2) == Point(height=2)


@pytest.mark.parametrize("value", [math.inf, math.nan, "x", None, []])
def test_values_are_finite_numbers(value):
    with pytest.raises(ValidationError):
        Point(across=value)


def test_frozen():
    point = Point()
    with pytest.raises(ValidationError):
        point.across = 3
    assert hash(point) == hash(Point())


def test_located_errors_say_each_text_at_its_place():
    error = located_errors({("a", 1): "is {odd}", ("b",): "is even"})
    assert {e["loc"]: e["msg"] for e in error.errors()} == {
        ("a", 1): "is {odd}",
        ("b",): "is even",
    }

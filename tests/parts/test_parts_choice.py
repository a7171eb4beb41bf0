"""Choices among functions: names with options, read from signatures."""

from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from loopynet.parts.choice import Choice, ChoiceFrom, FunctionRegistry

sounds = FunctionRegistry("sound", "loopynet.test_sounds")


@sounds.register("beep", "peep")
def beep(
    start, /, volume: Annotated[float, Field(ge=0)] = 1.0, tones: tuple[int, ...] = (1,)
) -> tuple:
    return start, volume, tones


@sounds.register("hush")
def hush(start) -> str:
    return f"{start} hush"


Sound = TypeAdapter(Annotated[Choice, ChoiceFrom(sounds)])


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("beep", Choice("beep")),
        ("Peep", Choice("beep")),
        ({"type": "beep"}, Choice("beep")),
        ({"type": "beep", "volume": 2}, Choice("beep", {"volume": 2.0})),
        ({"type": "beep", "volume": 1.0}, Choice("beep")),  # a default is no option
        ({"type": "beep", "tones": [3, 4]}, Choice("beep", {"tones": (3, 4)})),
        (Choice("beep", {"volume": 3.0}), Choice("beep", {"volume": 3.0})),
        (Choice("PEEP"), Choice("beep")),
    ],
)
def test_parsing(value, choice):
    assert sounds.parse(value) == choice
    assert Sound.validate_python(value) == choice


@pytest.mark.parametrize(
    ("choice", "result"),
    [
        (Choice("beep"), (0, 1.0, (1,))),
        (Choice("beep", {"volume": 3.0, "tones": (2,)}), (0, 3.0, (2,))),
        (Choice("hush"), "0 hush"),
    ],
)
def test_calling(choice, result):
    assert sounds.call(choice, 0) == result


def test_plain_form_reads_back():
    for choice in (Choice("beep"), Choice("beep", {"volume": 3.0, "tones": (2, 5)})):
        plain = Sound.dump_python(choice, mode="json")
        assert sounds.parse(plain) == choice
    assert Choice("beep").plain() == "beep"
    assert Sound.dump_json(Choice("beep", {"tones": (2,)})) == b'{"type":"beep","tones":[2]}'


def test_options_are_the_parameters_with_defaults():
    assert sounds.options("beep") == {"volume": 1.0, "tones": (1,)}
    assert sounds.options("hush") == {}


@pytest.mark.parametrize(
    "value",
    [
        {"type": "beep", "volume": -1},
        {"type": "beep", "volume": "loud"},
        {"type": "beep", "start": 1},
        {"type": "hush", "volume": 1},
        {"type": "beep", "tones": [1.5]},
    ],
)
def test_wrong_options(value):
    with pytest.raises(ValidationError):
        sounds.parse(value)


def test_unknown_names_are_told_with_the_nearest():
    with pytest.raises(PydanticCustomError, match=r'no sound "bep"\. Did you mean "beep"'):
        sounds.parse("bep")
    with pytest.raises(ValidationError, match=r"Did you mean .volume.\?"):
        sounds.parse({"type": "beep", "volum": 1})
    with pytest.raises(PydanticCustomError, match=r"write a name \(beep\) or a mapping"):
        sounds.parse(3)


def test_the_schema_lists_the_names():
    named, mapping = Sound.json_schema()["anyOf"]
    assert named["enum"] == ["beep", "hush"] == mapping["properties"]["type"]["enum"]

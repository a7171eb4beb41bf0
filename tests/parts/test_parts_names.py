"""Fields that hold the name of a registered part."""

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from loopynet.parts.names import NameFrom
from loopynet.parts.registry import Registry

registry: Registry[int] = Registry("color", "loopynet.test_colors")
registry.register("dark_red", "maroon")(1)
Color = TypeAdapter(Annotated[str, NameFrom(registry)])


def test_names_are_stored_as_registered():
    assert Color.validate_python("DarkRed") == "dark_red"
    assert Color.validate_python("maroon") == "dark_red"


@pytest.mark.parametrize(
    ("value", "said"), [("dark_rot", 'Did you mean "dark_red"'), (3, "string"), (None, "string")]
)
def test_others_are_refused(value, said):
    with pytest.raises(ValidationError, match=said):
        Color.validate_python(value)


def test_the_schema_lists_the_names():
    assert Color.json_schema()["enum"] == ["dark_red"]

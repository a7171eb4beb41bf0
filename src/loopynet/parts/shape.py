"""Shapes without the batch: (channels, height, width) of an image, (features,) of a vector."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

Shape = tuple[int, ...]

LARGEST = 10**9
"""More filters, units or steps than any machine can hold."""

Count = Annotated[int, Field(ge=1, le=LARGEST)]
"""A positive whole number."""


def numbers(value: object, least: int) -> int | tuple[int, int] | None:
    """Return one whole number or a pair of them, each from `least` up; None if it is neither."""
    both: list[Any] = [*value] if isinstance(value, list | tuple) else [value, value]
    if len(both) != 2 or any(type(n) is not int or not least <= n <= LARGEST for n in both):
        return None
    return both[0] if value == both[0] else (both[0], both[1])


def _pair(value: object) -> int | tuple[int, int]:
    found = numbers(value, 1)
    if found is None:
        message = "must be a whole number from 1 up, or [height, width] of them"
        raise PydanticCustomError("pair", message)
    return found


def pair_schema(least: int, *words: str) -> dict[str, Any]:
    """Return the JSON schema of one number, a pair of them, or one of the words."""
    number = {"type": "integer", "minimum": least, "maximum": LARGEST}
    both = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    return {"anyOf": [number, both, *([{"enum": list(words)}] if words else [])]}


def unchanged(value: Any) -> Any:
    """Serialize a value that is plain data already."""
    return value


Pair = Annotated[
    int | tuple[int, int],
    PlainValidator(_pair),
    PlainSerializer(unchanged),
    WithJsonSchema(pair_schema(1)),
]
"""One number for height and width, or [height, width]."""


class ShapeError(ValueError):
    """A shape that a part cannot take; the message is a phrase that follows the part's name."""


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) of a `Pair`."""
    return (value, value) if isinstance(value, int) else value


def size(shape: Shape) -> int:
    """Return the number of values in one sample of `shape`."""
    return math.prod(shape)


def show(shape: Shape) -> str:
    """Return the shape as messages print it: [3, 32, 32]."""
    return f"[{', '.join(map(str, shape))}]"


def padded_shape(signal: Shape, target: Shape) -> Shape | None:
    """Return the target's shape if every s-th position and more channels lead to it, else None.

    Of n positions every s-th are ceil(n / s), as a convolution of stride s with `padding: same`
    gives.
    """
    if len(signal) != len(target) or signal[0] > target[0]:
        return None
    places = zip(signal[1:], target[1:], strict=True)
    return target if all(-(-n // -(-n // m)) == m for n, m in places) else None


def image(shape: Shape) -> tuple[int, int, int]:
    """Return (channels, height, width); raises ShapeError for a vector."""
    if len(shape) != 3:
        raise ShapeError(
            f"needs an image [channels, height, width], and its input is {show(shape)}"
        )
    return shape[0], shape[1], shape[2]

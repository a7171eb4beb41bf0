"""Random changes of training images, one model each; `type` names it in the YAML."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, Strict

from loopynet.spec.base import SpecModel

Probability = Annotated[float, Field(ge=0, le=1)]
Strength = Annotated[float, Field(ge=0, le=1)]


class Flip(SpecModel):
    """Mirror an image."""

    type: Literal["flip"] = "flip"
    probability: Probability = Field(0.5, description="probability for an image")
    horizontal: bool = Field(True, description="left to right; upside down if false")


class Crop(SpecModel):
    """Pad an image on all sides and cut a part of the original size at a random place."""

    type: Literal["crop"] = "crop"
    padding: int = Field(4, ge=1, description="pixels added on each side")
    padding_mode: Literal["constant", "reflect", "replicate", "circular"] = Field(
        "constant", description="what the added pixels are; constant is black"
    )


class Rotate(SpecModel):
    """Turn an image."""

    type: Literal["rotate"] = "rotate"
    degrees: float = Field(15.0, ge=0, le=180, description="largest angle, either way")


class ColorJitter(SpecModel):
    """Change an image's colors; gray images allow brightness and contrast only."""

    type: Literal["color_jitter"] = "color_jitter"
    brightness: Strength = Field(0.2, description="largest relative change")
    contrast: Strength = Field(0.2, description="largest relative change")
    saturation: Strength = Field(0.0, description="largest relative change")
    hue: float = Field(0.0, ge=0, le=0.5, description="largest change, in turns of the color wheel")


class Erase(SpecModel):
    """Blacken a random rectangle."""

    type: Literal["erase"] = "erase"
    probability: Probability = Field(0.5, description="probability for an image")


class Affine(SpecModel):
    """Turn, shift and scale an image at once."""

    type: Literal["affine"] = "affine"
    degrees: float = Field(10.0, ge=0, le=180, description="largest angle, either way")
    translate: Strength = Field(0.1, description="largest shift, as a part of the image's size")
    scale: Annotated[tuple[PositiveFloat, PositiveFloat], Strict(False)] = Field(
        (0.9, 1.1), description="smallest and largest scale"
    )


Augmentation = Annotated[
    Flip | Crop | Rotate | ColorJitter | Erase | Affine, Field(discriminator="type")
]
"""A change of training images, found by its `type`."""

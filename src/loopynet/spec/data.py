"""Which images a network is trained on, how they are split and how pixels become numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from loopynet.spec.base import SpecModel


class Split(SpecModel):
    """How many images go where; the images of each part are drawn with `seed`."""

    train: PositiveInt | None = Field(
        None, description="training images; all that are left if null"
    )
    validation: NonNegativeInt = Field(0, description="validation images, from the training set")
    test: PositiveInt | None = Field(None, description="test images; the whole test set if null")
    seed: NonNegativeInt = Field(0, description="seed of the draw")


class DataSpec(SpecModel):
    """A named data set or a folder, its split, and its preprocessing."""

    name: str = Field("digits", description="a data set's name, a hub id, or a folder's path")
    split: Literal["standard", "published"] | Split = Field(
        "standard", description="a named split or the counts of one"
    )
    scale: Literal["unit", "byte"] = Field("unit", description="pixel range: 0..1 or 0..255")
    center: Literal["none", "channel", "pixel"] = Field(
        "pixel", description="mean of the training images to subtract"
    )
    standardize: Literal["none", "channel", "pixel"] = Field(
        "none", description="standard deviation of the training images to divide by"
    )
    resize: bool = Field(False, description="resize images that differ from the input shape")
    streaming: bool = Field(
        False,
        description="read images from the disk for each batch, instead of holding all in memory",
    )
    labels: Literal["image", "map"] = Field(
        "image", description="one label for each image, or a map of labels, one for each position"
    )
    image_key: str | None = Field(None, description="the image column; found if null")
    label_key: str | None = Field(
        None, description="the column of labels, or of label maps; found if null"
    )

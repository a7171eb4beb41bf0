"""The layer types. Start with `base.py`; a new type is one class in one of the files beside it."""

from loopynet.parts.layers.base import LayerSpec, WeightedLayerSpec, layer, layer_types
from loopynet.parts.layers.convolution import Conv2d, ConvTranspose2d
from loopynet.parts.layers.dense import Dense, Maxout
from loopynet.parts.layers.plain import (
    Dropout,
    Flatten,
    Identity,
    LocalResponseNorm,
    Norm,
    Scale,
)
from loopynet.parts.layers.pooling import GlobalPool, Pool2d, Upsample

__all__ = [
    "Conv2d",
    "ConvTranspose2d",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalPool",
    "Identity",
    "LayerSpec",
    "LocalResponseNorm",
    "Maxout",
    "Norm",
    "Pool2d",
    "Scale",
    "Upsample",
    "WeightedLayerSpec",
    "layer",
    "layer_types",
]

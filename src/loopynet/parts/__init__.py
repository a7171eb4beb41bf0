"""What networks are made of: each part's options, its shape rule and how PyTorch builds it.

A part is one small class or function in one obvious file, registered by a decorator at its
definition. Packages add parts through entry points (see `registry.Registry`). Nothing here imports
torch at the top level, so that reading and checking a spec stays fast.
"""

from loopynet.parts.activations import activation
from loopynet.parts.initializers import initializer
from loopynet.parts.layers import LayerSpec, layer
from loopynet.parts.merges import MergePart, merge
from loopynet.parts.norms import NormSpec
from loopynet.parts.optimizers import optimizer, schedule

__all__ = [
    "LayerSpec",
    "MergePart",
    "NormSpec",
    "activation",
    "initializer",
    "layer",
    "merge",
    "optimizer",
    "schedule",
]

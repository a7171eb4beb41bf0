"""What a network looks at: attributions of any filter at any unroll, and maps of the merges."""

from loopynet.explain.backward import deconvnet, gradient, guided_backprop
from loopynet.explain.captum_methods import integrated_gradients, occlusion
from loopynet.explain.merge_maps import MergeMap, likeness, merges, overlay
from loopynet.explain.score import Score
from loopynet.explain.target import Target, activation_shapes

__all__ = [
    "MergeMap",
    "Score",
    "Target",
    "activation_shapes",
    "deconvnet",
    "gradient",
    "guided_backprop",
    "integrated_gradients",
    "likeness",
    "merges",
    "occlusion",
    "overlay",
]

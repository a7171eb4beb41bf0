"""What a network looks at, and what its unrolls do, in numbers.

Start with `backward.py` for attributions, with `measurements.py` for numbers.
"""

from loopynet.explain.backward import deconvnet, gradient, guided_backprop
from loopynet.explain.captum_methods import integrated_gradients, occlusion
from loopynet.explain.dynamics import Dynamics, dynamics
from loopynet.explain.faithfulness import Faithfulness, faithfulness
from loopynet.explain.jacobian import SpectralRadius, spectral_radius
from loopynet.explain.linearity import Linearity, linearity
from loopynet.explain.measure_figures import figures
from loopynet.explain.measure_tables import markdown
from loopynet.explain.measurements import Measurements, Sizes, measure
from loopynet.explain.merge_maps import MergeMap, likeness, merges, overlay
from loopynet.explain.score import Score
from loopynet.explain.target import Target, activation_shapes
from loopynet.explain.weight_gradients import GradientParts, WeightGradient, gradients

__all__ = [
    "Dynamics",
    "Faithfulness",
    "GradientParts",
    "Linearity",
    "Measurements",
    "MergeMap",
    "Score",
    "Sizes",
    "SpectralRadius",
    "Target",
    "WeightGradient",
    "activation_shapes",
    "deconvnet",
    "dynamics",
    "faithfulness",
    "figures",
    "gradient",
    "gradients",
    "guided_backprop",
    "integrated_gradients",
    "likeness",
    "linearity",
    "markdown",
    "measure",
    "merges",
    "occlusion",
    "overlay",
    "spectral_radius",
]

"""What the unrolls of a network do, in numbers. Each file measures one thing."""

from loopynet.explain.dynamics import Dynamics, dynamics
from loopynet.explain.faithfulness import Faithfulness, faithfulness
from loopynet.explain.jacobian import SpectralRadius, spectral_radius
from loopynet.explain.linearity import Linearity, linearity
from loopynet.explain.measure_figures import figures
from loopynet.explain.measure_tables import markdown
from loopynet.explain.measurements import Measurements, Sizes, measure
from loopynet.explain.weight_gradients import GradientParts, WeightGradient, gradients

__all__ = [
    "Dynamics",
    "Faithfulness",
    "GradientParts",
    "Linearity",
    "Measurements",
    "Sizes",
    "SpectralRadius",
    "WeightGradient",
    "dynamics",
    "faithfulness",
    "figures",
    "gradients",
    "linearity",
    "markdown",
    "measure",
    "spectral_radius",
]

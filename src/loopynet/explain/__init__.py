"""What the unrolls of a network do, in numbers. Each file measures one thing."""

from loopynet.explain.dynamics import Dynamics, dynamics
from loopynet.explain.faithfulness import Faithfulness, faithfulness
from loopynet.explain.jacobian import SpectralRadius, spectral_radius
from loopynet.explain.linearity import Linearity, linearity
from loopynet.explain.weight_gradients import GradientParts, WeightGradient, gradients

__all__ = [
    "Dynamics",
    "Faithfulness",
    "GradientParts",
    "Linearity",
    "SpectralRadius",
    "WeightGradient",
    "dynamics",
    "faithfulness",
    "gradients",
    "linearity",
    "spectral_radius",
]

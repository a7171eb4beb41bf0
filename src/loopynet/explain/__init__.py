"""What a network looks at: attributions of any filter at any unroll, and maps of the merges."""

from loopynet.explain.gradients import deconvnet, gradient, guided_backprop
from loopynet.explain.target import Target

__all__ = ["Target", "deconvnet", "gradient", "guided_backprop"]

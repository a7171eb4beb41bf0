"""What the unrolls of a network do, in numbers. Each file measures one thing."""

from loopynet.explain.dynamics import Dynamics, dynamics
from loopynet.explain.jacobian import SpectralRadius, spectral_radius

__all__ = ["Dynamics", "SpectralRadius", "dynamics", "spectral_radius"]

"""What a control costs, compared to its original."""

from __future__ import annotations

from dataclasses import dataclass

from loopynet.graph import Costs, build_graph, costs
from loopynet.spec.network import NetworkSpec


@dataclass(frozen=True)
class Difference:
    """The costs of a network and of its control; differences are control minus original.

    Attributes:
        original: the costs of the network.
        control: those of its control.
    """

    original: Costs
    control: Costs

    @property
    def parameters(self) -> int:
        """How many more learned numbers the control has."""
        return self.control.parameters - self.original.parameters

    @property
    def multiply_adds(self) -> int:
        """How many more multiply-adds a forward pass of the control has."""
        return self.control.multiply_adds - self.original.multiply_adds

    @property
    def relative_parameters(self) -> float:
        """The difference as a part of the original's learned numbers."""
        return _part(self.parameters, self.original.parameters)

    @property
    def relative_multiply_adds(self) -> float:
        """The difference as a part of the original's multiply-adds."""
        return _part(self.multiply_adds, self.original.multiply_adds)


def compare_costs(original: NetworkSpec, control: NetworkSpec) -> Difference:
    """Return what both networks cost; raises SpecError if one of them is not valid."""
    return Difference(costs(build_graph(original)), costs(build_graph(control)))


def _part(difference: int, whole: int) -> float:
    if difference == 0:
        return 0.0
    return difference / whole if whole else float("inf")

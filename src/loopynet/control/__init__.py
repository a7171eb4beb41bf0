"""Fair opponents of a network with loops, as specs. Start with `controls.py`."""

from loopynet.control.controls import (
    CONTROLS,
    no_loops,
    same_multiply_adds,
    same_parameters,
    untied,
)
from loopynet.control.difference import Difference, compare_costs
from loopynet.control.table import control_table

__all__ = [
    "CONTROLS",
    "Difference",
    "compare_costs",
    "control_table",
    "no_loops",
    "same_multiply_adds",
    "same_parameters",
    "untied",
]

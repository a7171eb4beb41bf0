"""Loops in any model. Start with `add_loops.py`; `loopy_model.py` has the forward pass."""

from loopynet.wrap.add_loops import add_loops
from loopynet.wrap.loopy_model import LoopyModel

__all__ = ["LoopyModel", "add_loops"]

"""Seeds made of several numbers."""

from __future__ import annotations

import numpy as np


def mix(*numbers: int) -> int:
    """Return a 64-bit seed that is different for different numbers, unlike their sum."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])

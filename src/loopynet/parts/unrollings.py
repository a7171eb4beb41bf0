"""How many unrolls a training step runs: the spec's k, ever more of them, or a random number.

Each function returns a function (k, progress, draw) -> unrolls, where progress goes from 0 to 1
over the training run and draw is uniform in [0, 1). Annotations are evaluated here (no
`from __future__ import annotations`): they type the options.
"""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from loopynet.parts.choice import Choice, ChoiceFrom, FunctionRegistry

unrollings = FunctionRegistry("unrolling", "loopynet.unrollings")
Unrolling = Annotated[Choice, ChoiceFrom(unrollings)]
Count = Callable[[int, float, float], int]

Steps = Annotated[int, Field(ge=1, le=10_000)]
Share = Annotated[float, Field(gt=0, le=1)]


@unrollings.register("fixed")
def fixed() -> Count:
    """`unroll.steps` in every training step."""
    return lambda k, progress, draw: k


@unrollings.register("progressive")
def progressive(start: Steps = 1, share: Share = 0.5) -> Count:
    """From `start` up to `unroll.steps`, in equal stages over this share of the training run."""

    def count(k: int, progress: float, draw: float) -> int:
        first = min(start, k)
        stage = (k - first + 1) * progress / share
        return min(k, first + int(stage + 1e-9))  # a stage begins where rounding would miss it

    return count


@unrollings.register("random")
def random(least: Steps = 1) -> Count:
    """A number from `least` to `unroll.steps`, drawn anew in every training step."""

    def count(k: int, progress: float, draw: float) -> int:
        first = min(least, k)
        return first + int(draw * (k - first + 1))

    return count

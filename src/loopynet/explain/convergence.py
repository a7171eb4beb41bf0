"""Whether the loops' signals settle, wander or oscillate over many unrolls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loopynet.explain.intervals import quantiles
from loopynet.graph import Edge

SHRINKS, GROWS = 0.97, 1.03
"""A rate below the first shrinks, above the second grows, and stays between them."""
ALTERNATES = -0.5
"""Successive differences with a mean cosine below this turn back at every unroll."""
STILL = 1e-5
"""A difference below this share of the signal is rounding: the signal has settled."""

Figures = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Convergence:
    """What the signals do. s_t is what all loops take at the end of unroll t, as one vector.

    A signal is taken before it is brought to its target's shape. Each image counts in one of the
    first five; each of them is a number of images.

    Attributes:
        first: the first unroll whose difference s_t - s_(t-1) is looked at; the window goes from
            there to the last unroll, and holds unrolls with one and the same norm if it can.
        last: the last unroll.
        settled: differences fell below 1e-5 of the signal: a fixed point to rounding.
        shrinking: differences shrink geometrically, by a rate below 0.97 per unroll.
        staying: differences keep their size and do not alternate.
        growing: differences grow, by a rate above 1.03 per unroll.
        oscillating: differences keep their size or grow, and alternate: their cosine is below -0.5
            on average. An exact cycle of two has the cosine -1.
        damped: of the settled and shrinking images, how many alternate on the way.
        rate: quantiles 5, 25, 50, 75 and 95 % of the rate, over images that have not settled
            before the window's third unroll.
        difference: mean over images of |s_t - s_(t-1)| / |s_t|, for unrolls 2 to k.
        cosine: mean over images of the cosine of s_t - s_(t-1) with the one before it, for
            unrolls 3 to k.
    """

    first: int
    last: int
    settled: int
    shrinking: int
    staying: int
    growing: int
    oscillating: int
    damped: int
    rate: tuple[float, ...]
    difference: tuple[float, ...]
    cosine: tuple[float, ...]


class Signals:
    """Takes the loops' signals of one batch as they come; keeps lengths and angles only."""

    def __init__(self, loops: Sequence[Edge]) -> None:
        # The same layer may feed several loops: it counts once.
        self._ends = {e.through[-1] if e.through else e.source for e in loops}
        self._coming: dict[int, list[Tensor]] = {}
        self._state: Tensor | None = None
        self._step: Tensor | None = None
        self._sizes: list[Tensor] = []
        self._steps: list[Tensor] = []
        self._cosines: list[Tensor] = []

    def take(self, layer: str, t: int, value: Tensor) -> None:
        """Take a layer's output [N, ...] at unroll t."""
        if layer not in self._ends:
            return
        parts = self._coming.setdefault(t, [])
        parts.append(value.flatten(1))
        if len(parts) == len(self._ends):
            self._move(torch.cat(self._coming.pop(t), dim=1))

    def _move(self, state: Tensor) -> None:
        if self._state is not None:
            step = state - self._state
            self._steps.append(step.norm(dim=1))
            self._sizes.append(state.norm(dim=1))
            if self._step is not None:
                self._cosines.append(torch.cosine_similarity(step, self._step, dim=1))
            self._step = step
        self._state = state

    def figures(self) -> Figures | None:
        """Return |s_t - s_(t-1)|, |s_t| [k - 1, N] and cosines [k - 2, N]; None below four."""
        if len(self._cosines) < 2:
            return None
        return torch.stack(self._steps), torch.stack(self._sizes), torch.stack(self._cosines)


def convergence(parts: Sequence[Figures | None], trained: int) -> Convergence | None:
    """Return what the signals do, from the figures of each batch; None where there are none."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    joined = (torch.cat(kind, dim=1).double() for kind in zip(*known, strict=True))
    steps, sizes, cosines = joined  # of unrolls 2 to k, and 3 to k
    last = len(steps) + 1
    # Up to the trained number each unroll may have a norm of its own, and is a map of its own.
    first = min(max(trained + 1, (last + 1) // 2, 2), last - 2)
    share = steps / sizes.clamp_min(1e-300)
    window, shares = steps[first - 2 :], share[first - 2 :]
    settled = shares[-1] < STILL
    rate = _rates(window, shares)
    turning = cosines[first - 2 :] if len(cosines) > first - 2 else cosines[-1:]
    alternates = turning.mean(0) < ALTERNATES
    shrinking = ~settled & (rate < SHRINKS)
    oscillating = ~settled & ~shrinking & alternates
    growing = ~settled & ~shrinking & ~alternates & (rate > GROWS)
    staying = ~(settled | shrinking | oscillating | growing)
    return Convergence(
        first=first,
        last=last,
        settled=int(settled.sum()),
        shrinking=int(shrinking.sum()),
        staying=int(staying.sum()),
        growing=int(growing.sum()),
        oscillating=int(oscillating.sum()),
        damped=int(((settled | shrinking) & alternates).sum()),
        rate=quantiles(rate),
        difference=tuple(share.mean(1).tolist()),
        cosine=tuple(cosines.mean(1).tolist()),
    )


def _rates(steps: Tensor, shares: Tensor) -> Tensor:
    """Return exp(slope of log |difference| over unrolls), by least squares, for each image.

    Args:
        steps: [w, N], lengths of the differences.
        shares: the same as shares of the signal. Those that are rounding are left out; with fewer
            than three others the rate is NaN.
    """
    weight = (shares >= STILL).double().cumprod(0)
    count = weight.sum(0)
    logs = steps.clamp_min(1e-300).log()
    t = torch.arange(len(steps), dtype=torch.float64, device=steps.device)[:, None]
    middle = (weight * t).sum(0) / count.clamp_min(1)
    spread = (weight * (t - middle) ** 2).sum(0)
    slope = (weight * (t - middle) * logs).sum(0) / spread.clamp_min(1e-300)
    return torch.where(count >= 3, slope.exp(), torch.nan)

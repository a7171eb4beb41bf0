"""Least squares of many filters at once, and their errors on other images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Moments:
    """Sums of squares and products of pixels and responses; the bias is a pixel that is 1."""

    def __init__(self, ridge: float) -> None:
        self._ridge = ridge  # as a share of the mean second moment of the pixels
        self.xx = self.xy = self.yy = torch.zeros(())

    def add(self, x: Tensor, y: Tensor) -> None:
        """Add pixels [n, p] and responses [n, k, f]."""
        x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        flat = y.flatten(1)
        self.xx = self.xx + x.T @ x
        self.xy = self.xy + x.T @ flat
        self.yy = self.yy + (flat * flat).sum(0)

    def fit(self, t: int, columns: Tensor, count: int) -> tuple[Tensor, float]:
        """Return the best filters [p + 1, f] of some pixels at unroll t + 1, and their mean share.

        The last row is the bias, the share that of the fitted samples.
        """
        kept = torch.cat([columns, torch.tensor([len(self.xx) - 1])])
        filters = self.xy.shape[1] // count
        mine = slice(t * filters, (t + 1) * filters)
        xx, xy, number = self.xx[kept][:, kept], self.xy[kept, mine], self.xx[-1, -1]
        ridge = self._ridge * xx.diagonal()[:-1].mean()
        best = torch.linalg.solve(xx + ridge * torch.eye(len(kept), dtype=xx.dtype), xy)
        left = self.yy[mine] - 2 * (best * xy).sum(0) + (best * (xx @ best)).sum(0)
        spread = self.yy[mine] - self.xy[-1, mine] ** 2 / number
        return best, float((left / _some(spread, self.yy[mine])).nanmean())


class HeldOut:
    """Errors of the fitted filters on held-out images, kept by image for the bootstrap."""

    def __init__(self, fits: Sequence[tuple[Tensor, float]], columns: list[Tensor], k: int) -> None:
        self._fits, self._columns, self._count = fits, columns, k
        self._parts: list[list[Tensor]] = [[] for _ in fits]

    def add(self, x: Tensor, y: Tensor) -> None:
        """Add pixels [n, P, p] and responses [n, P, k, f] of n images."""
        for i, ((best, _), kept) in enumerate(zip(self._fits, self._columns, strict=True)):
            now = y[:, :, i % self._count]
            error = now - x[:, :, kept] @ best[:-1] - best[-1]
            sums = (error.square().sum(1), now.sum(1), now.square().sum(1))
            self._parts[i].append(torch.stack(sums, dim=1))  # [n, 3, f]
        self._positions = x.shape[1]

    def shares(self, i: int, draws: int, seed: int) -> tuple[Tensor, Tensor]:
        """Return the share of each filter [f], and the mean over filters in each draw of images."""
        sums = torch.cat(self._parts[i])  # [M, 3, f]
        number = len(sums)
        generator = torch.Generator().manual_seed(seed)  # the same draws for each unroll: paired
        each = _share(sums.sum(0)[None], number * self._positions)[0]
        means = []
        for _ in range(draws):
            picked = torch.randint(number, (number,), generator=generator)
            weight = torch.bincount(picked, minlength=number).double()
            drawn = torch.einsum("m,msf->sf", weight, sums)
            means.append(_share(drawn[None], number * self._positions).nanmean())
        return each, torch.stack(means) if means else torch.empty(0)


def _share(sums: Tensor, samples: int) -> Tensor:
    """Return squared error over variance, [..., f], from sums [..., 3, f] over samples."""
    error, total, squares = sums.unbind(-2)
    return error / _some(squares - total**2 / samples, squares)


def _some(spread: Tensor, squares: Tensor) -> Tensor:
    """Return a sum of squares about the mean, NaN where it is nothing but rounding."""
    return spread.where(spread > 1e-10 * squares + 1e-200, torch.nan)

"""Means over images with their intervals, and plain data of what was measured."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from loopynet.statistics import Estimate, mean_over_seeds_and_images

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def over_images(values: Tensor) -> Estimate:
    """Return the mean of one number per image [N], with Student's 95 % interval over images."""
    return mean_over_seeds_and_images(values.detach().cpu().double().numpy()[None])


def quantiles(values: Tensor) -> tuple[float, ...]:
    """Return the quantiles 5, 25, 50, 75 and 95 % of numbers [N]; NaN is left out."""
    kept = values[~values.isnan()].double()
    if not len(kept):
        return (float("nan"),) * len(QUANTILES)
    wanted = torch.tensor(QUANTILES, dtype=torch.float64, device=kept.device)
    return tuple(kept.quantile(wanted).tolist())


def plain(value: Any) -> Any:
    """Return dataclasses, tuples, mappings and small tensors as JSON-able data; NaN is None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Tensor):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not (abs(value) < float("inf")):
        return None
    return value

"""The loss over unrolls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -100
"""Stands in a label map for a position without a label, as in torch's own losses."""


def loss_over_time(
    logits: Tensor,
    labels: Tensor,
    steps: Literal["last", "all"] | Sequence[float] = "last",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the mean cross-entropy of a batch, over one or several unrolls.

    Args:
        logits: [N, classes], or [unrolls, N, classes] of the unrolls that give logits; with label
            maps [N, classes, H, W] or [unrolls, N, classes, H, W], and the mean is over labeled
            positions.
        labels: class numbers [N], or [N, H, W] with -100 for no label.
        steps: "last" unroll, mean over "all", or one weight for each; weights are normalized.
        label_smoothing: share of a label that is spread over all classes.
    """
    if logits.dim() == labels.dim() + 1:
        logits = logits[None]
    if steps == "last":
        return functional.cross_entropy(logits[-1], labels, label_smoothing=label_smoothing)
    each = torch.stack(
        [functional.cross_entropy(one, labels, label_smoothing=label_smoothing) for one in logits]
    )
    if steps == "all":
        return each.mean()
    weights = torch.tensor(list(steps), dtype=each.dtype, device=each.device)
    return (each * weights).sum() / weights.sum()

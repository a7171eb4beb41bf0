"""Contenders must compute the same: a benchmark of different functions says nothing."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError


class BenchError(LoopyNetError):
    """A benchmark that cannot be run, or that would compare different things."""


def gaps(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, float]:
    """Return how far the logits and gradients of `one` are from the `other`'s, relative to them.

    A convolution's bias before a batch norm has no effect, so that its gradient is rounding noise;
    it is measured against the gradient of the same layer's weight if that is larger.
    """
    return {key: _gap(one, other, key) for key in other}


def check_same(
    answers: Mapping[str, Mapping[str, Tensor]],
    tolerance: float,
    other_gradients: Collection[str] = (),
    gradient_tolerance: float | None = None,
) -> dict[str, dict[str, float]]:
    """Return how far each contender's logits and gradients are from the first one's.

    Args:
        answers: for each contender its logits and gradients by name.
        tolerance: the largest relative difference of the logits that is allowed.
        other_gradients: contenders whose gradients are meant to differ: a truncated one's.
        gradient_tolerance: the same of each gradient; as for the logits if None.

    Raises:
        BenchError: they do not compute the same.
    """
    names = list(answers)
    first, found = names[0], {}
    for name in names[1:]:
        each = gaps(answers[name], answers[first])
        if name in other_gradients or first in other_gradients:
            each = {"logits": each["logits"]}
        _check(name, first, "logits", each["logits"], tolerance)
        for key in each:
            limit = tolerance if gradient_tolerance is None else gradient_tolerance
            _check(name, first, key, each[key], limit)
        found[name] = {"logits": each.pop("logits")}
        if each:
            found[name]["gradients"] = max(each.values())
    return found


def _check(one: str, other: str, key: str, gap: float, limit: float) -> None:
    if not gap <= limit:
        raise BenchError(
            f'"{one}" and "{other}" do not compute the same: {key} differs by {gap:.1e} of its '
            f"size, and {limit:g} is allowed"
        )


def _gap(one: Mapping[str, Tensor], other: Mapping[str, Tensor], key: str) -> float:
    if key not in one or one[key].shape != other[key].shape:
        return math.inf
    size = _norm(other[key])
    weight = key.replace(".op.bias", ".op.weight")
    if weight in other:
        size = max(size, _norm(other[weight]))
    gap = _norm(one[key].double() - other[key].double())
    return gap / size if size else gap


def _norm(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values.double()))

"""The carry as one vector per sample, and the choice of samples that go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Carry = Mapping[str, tuple[Tensor | None, ...]]
"""For each loop the signals on their way, the next to arrive first."""

T = TypeVar("T")


@dataclass(frozen=True)
class CarryShape:
    """How a carry is laid out as vectors.

    Attributes:
        names: the loops, each as often as it has signals on their way.
        shapes: of those signals, without the batch.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, carry: Carry) -> CarryShape:
        """Return the layout of a carry that has all its signals."""
        signals = [(name, s) for name, queue in carry.items() for s in queue]
        shapes = tuple(tuple(s.shape[1:]) for _, s in signals if s is not None)
        return cls(tuple(name for name, _ in signals), shapes)

    def flatten(self, carry: Carry) -> Tensor:
        """Return the carry as [N, D]."""
        parts = [s.flatten(1) for queue in carry.values() for s in queue if s is not None]
        whole: Tensor = torch.cat(parts, 1)
        return whole

    def unflatten(self, z: Tensor) -> Carry:
        """Return vectors [N, D] as a carry."""
        sizes = [torch.Size(shape).numel() for shape in self.shapes]
        queues: dict[str, tuple[Tensor | None, ...]] = {}
        parts = torch.split(z, sizes, 1)
        for name, part, shape in zip(self.names, parts, self.shapes, strict=True):
            queues[name] = (*queues.get(name, ()), part.reshape(-1, *shape))
        return queues


def is_complete(carry: Carry) -> bool:
    """Say whether every signal is there."""
    return all(signal is not None for queue in carry.values() for signal in queue)


def select(tensors: T, rows: Tensor) -> T:
    """Return the chosen samples of a tensor, or of all tensors in mappings and tuples."""
    if isinstance(tensors, Tensor):
        return tensors[rows]  # type: ignore[return-value]
    if isinstance(tensors, Mapping):
        return {key: select(item, rows) for key, item in tensors.items()}  # type: ignore[return-value]
    if isinstance(tensors, tuple):
        return tuple(select(item, rows) for item in tensors)  # type: ignore[return-value]
    return tensors

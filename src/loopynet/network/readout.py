"""Readouts: which unrolls give logits. Values passed to a network's call; the YAML's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError


class Readout(Protocol):
    """Chooses the unrolls whose state goes through the head, and joins their logits."""

    def wants(self, t: int, unrolls: int) -> bool:
        """Say whether unroll t of `unrolls` gives logits."""

    def join(self, logits: list[Tensor]) -> Tensor:
        """Return the call's result from the wanted unrolls' logits, each [N, classes]."""


@dataclass(frozen=True)
class Last:
    """The logits of the last unroll: [N, classes]."""

    def wants(self, t: int, unrolls: int) -> bool:
        """Say yes to the last unroll."""
        return t == unrolls

    def join(self, logits: list[Tensor]) -> Tensor:
        """Return the only logits."""
        return logits[0]


@dataclass(frozen=True)
class Each:
    """The logits of every unroll: [unrolls, N, classes]."""

    def wants(self, t: int, unrolls: int) -> bool:
        """Say yes to every unroll."""
        return True

    def join(self, logits: list[Tensor]) -> Tensor:
        """Return all logits, the unrolls first."""
        return torch.stack(logits)


READOUTS: dict[str, Readout] = {"last": Last(), "each": Each()}
"""The readouts by the words of the YAML."""


def as_readout(readout: Readout | str) -> Readout:
    """Return a readout, or the one that a word of the YAML stands for.

    Raises:
        LoopyNetError: there is no such word.
    """
    if not isinstance(readout, str):
        return readout
    if readout not in READOUTS:
        raise LoopyNetError(f'no readout "{readout}"; write last or each')
    return READOUTS[readout]

"""Running a run again, and saying whether the same bits come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from loopynet.errors import RunError
from loopynet.foreign import read_rows
from loopynet.run import RunFolder
from loopynet.training.environment import differences
from loopynet.training.train import train

CHANGING = ("seconds",)
"""Columns of metrics.csv that no two runs share."""


@dataclass(frozen=True)
class Repeated:
    """A run, and what came out when it was run again.

    Attributes:
        run: the new run.
        weights: the names of weights that differ, with their largest difference.
        metrics: the columns of metrics.csv that differ, each with its first epoch.
        scores: the parts of results.json that differ.
        environment: what the two ran on that differs: the key, then, now.
    """

    run: RunFolder
    weights: dict[str, float]
    metrics: dict[str, int]
    scores: tuple[str, ...]
    environment: dict[str, tuple[Any, Any]]

    @property
    def equal(self) -> bool:
        """Whether all that must be equal is, to the bit."""
        return not (self.weights or self.metrics or self.scores)

    def lines(self) -> list[str]:
        """Return what there is to say, a line each."""
        said = [f"{key}: {then} then, {now} now" for key, (then, now) in self.environment.items()]
        if self.equal:
            return [*said, "the same: every weight, every figure of every epoch, every score"]
        for name, reach in self.weights.items():
            said.append(f"{name} differs by up to {reach:.3g}")
        for column, epoch in self.metrics.items():
            said.append(f"{column} differs from epoch {epoch} on")
        return [*said, *(f"{part} scores differ" for part in self.scores)]


def repeat(
    run: RunFolder,
    name: str | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Console | None = None,
) -> Repeated:
    """Train a finished run's config again, into a new folder, and compare.

    Args:
        run: the run.
        name: the new run's name or path; the old one's with -repeat if None.
        say: called with one line per epoch.
        progress: the console to draw a live progress bar on; none if None.

    Raises:
        RunError: the run is not finished, or the new folder exists.
    """
    if run.results()["interrupted"]:
        raise RunError(f"{run.path}: was interrupted; finish it with `loopynet resume` first")
    beside = run.outputs  # that of a zoo entry is not in the installed package
    path = name or str((beside.parent / f"{beside.name}-repeat").absolute())
    again = train(run.spec(), path, say=say, progress=progress)
    if again.interrupted:
        raise RunError(f"{again.run.path}: was interrupted; nothing was compared")
    return compare_runs(run, again.run)


def compare_runs(one: RunFolder, other: RunFolder) -> Repeated:
    """Return what differs between two runs of one config."""
    scores = one.results(), other.results()
    return Repeated(
        other,
        _weights(one.read_tensors("model.safetensors"), other.read_tensors("model.safetensors")),
        _metrics(one.metrics, other.metrics),
        tuple(p for p in ("train", "validation", "test") if scores[0].get(p) != scores[1].get(p)),
        differences(one.environment(), other.environment()),
    )


def _weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, float]:
    found = {}
    for key in one.keys() | other.keys():
        if key not in one or key not in other or one[key].shape != other[key].shape:
            found[key] = float("inf")
        elif not torch.equal(one[key], other[key]):
            found[key] = float((one[key].double() - other[key].double()).abs().max())
    return dict(sorted(found.items()))


def _metrics(one: Path, other: Path) -> dict[str, int]:
    rows = read_rows(one), read_rows(other)
    found: dict[str, int] = {}
    for epoch in range(max(map(len, rows))):
        pair = [table[epoch] if epoch < len(table) else {} for table in rows]
        for column in {*pair[0], *pair[1]} - {*CHANGING}:
            if pair[0].get(column) != pair[1].get(column):
                found.setdefault(column, epoch + 1)
    return dict(sorted(found.items()))

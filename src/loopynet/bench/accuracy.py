"""What a truncated gradient costs in accuracy, read from runs that were trained with either."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from loopynet.errors import LoopyNetError
from loopynet.run import RunFolder

FOLDER = Path("results/truncated")
"""Where such runs are expected: loopynet reproduce truncated --seeds 3 --out results/truncated."""


@dataclass(frozen=True)
class AccuracyLoss:
    """How far a truncated gradient's accuracy is from the full one's.

    Attributes:
        points: full minus truncated in percent of the test images, mean over the seeds.
        low: the least of the seeds.
        high: the largest of the seeds.
        seeds: how many seeds have both.
        epochs: of the runs.
    """

    points: float
    low: float
    high: float
    seeds: int
    epochs: int


def accuracy_loss(folder: Path = FOLDER) -> AccuracyLoss | None:
    """Return the loss of accuracy over the seeds that have a run of both modes; None if none has.

    Args:
        folder: run folders of one network, at any depth, with gradient full and truncated to one
            unroll.
    """
    found: dict[tuple[int, int], dict[str, tuple[float, int]]] = defaultdict(dict)
    for config in sorted(folder.rglob("config.yaml")):
        run = RunFolder(config.parent)
        try:
            training, results = run.spec().training, run.results()
        except LoopyNetError:  # not finished
            continue
        if results["interrupted"]:
            continue
        mode = training.gradient.name
        if mode == "truncated" and training.gradient.options.get("steps", 1) != 1:
            continue
        found[training.step_images, training.seed][mode] = (
            100 * results["test"]["accuracy"],
            results["epochs"],
        )
    pairs = [each for each in found.values() if {"full", "truncated"} <= set(each)]
    if not pairs:
        return None
    losses = [each["full"][0] - each["truncated"][0] for each in pairs]
    epochs = pairs[0]["full"][1]
    return AccuracyLoss(statistics.fmean(losses), min(losses), max(losses), len(pairs), epochs)

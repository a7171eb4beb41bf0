"""The paper's main experiment: five networks on CIFAR-10, at two batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np

from loopynet.compare import Cell, Row, grid
from loopynet.compare.grid import change_spec
from loopynet.reproduce.claims import Claim, above, correct_claims, show_published
from loopynet.reproduce.experiment import Experiment, Scale
from loopynet.reproduce.step_times import StepTimes
from loopynet.statistics import Estimate, mean_over_seeds
from loopynet.zoo import load_spec

VANILLA, LOOPY, DEEP = "cifar10-vanilla", "cifar10-loopy", "cifar10-deep"
SUM, MUL = "cifar10-loop-sum", "cifar10-loop-mul"
NETWORKS = (VANILLA, LOOPY, SUM, MUL, DEEP)
BATCH_SIZES = (5, 32)
UNROLLS = 3
PUBLISHED: dict[tuple[str, int], dict[str, float]] = {
    (VANILLA, 5): {"train": 61.9, "validation": 46.6, "test": 49.7},
    (LOOPY, 5): {"train": 72.6, "validation": 57.4, "test": 56.4},
    (SUM, 5): {"train": 90.5, "validation": 51.8, "test": 53.5},
    (MUL, 5): {"train": 89.9, "validation": 37.7, "test": 45.1},
    (DEEP, 5): {"train": 69.8, "validation": 56.1, "test": 50.2},
    (VANILLA, 32): {"train": 43.7, "validation": 47.3, "test": 37.9},
    (LOOPY, 32): {"train": 45.2, "validation": 42.45, "test": 40.8},
    (DEEP, 32): {"train": 35.6, "validation": 28.3, "test": 34.7},
}
"""Accuracies in percent, figure 8 of the paper. Each is one seed, scored on 110 images."""

FULL = ("training.epochs=24",)
STANDARD_SPLIT = "data.split={train: 20000, validation: 1000}"
PUBLISHED_SPLIT = "data.split=published"
QUICK = ("training.epochs=3", "data.split={train: 2000, validation: 500, test: 1000}")


def cells(scale: Scale) -> list[Cell]:
    """Return the runs.

    They train on 20,000 images as in the paper. In the standard protocol they are tested on the
    whole test set instead of its first 1,000 images.
    """
    split = PUBLISHED_SPLIT if scale.protocol == "published" else STANDARD_SPLIT
    changes = scale.size_changes((*FULL, split), QUICK)
    gray = _gray if scale.digits else lambda _: ()
    specs = [change_spec(load_spec(name), *changes, *gray(name)) for name in NETWORKS]
    sizes = scale.batch_sizes or BATCH_SIZES
    return grid(specs, {"training.batch_size": [str(size) for size in sizes]}, scale.seeds)


def _gray(network: str) -> list[str]:
    """Return the changes by which a loop's signal fits gray images: one filter instead of three."""
    layers = ("conv_2", "loop_conv") if network in (SUM, MUL) else ("conv_3",)
    return [f"layers.{layer}.filters=1" for layer in layers]


def label(network: str, size: int) -> str:
    """Return the label of a row."""
    return f"{network}, batch size {size}"


def claims(rows: Sequence[Row], times: StepTimes | None) -> list[Claim]:
    """Return the six claims of the paper, one line for each batch size or network."""
    by_label = {row.label: row for row in rows}
    sizes = sorted({int(str(row.settings["training.batch_size"])) for row in rows})
    found = []
    for text, one, other in (
        ("loopy is above vanilla", LOOPY, VANILLA),
        ("loopy is above deep", LOOPY, DEEP),
        ("loop layer: sum is above mul", SUM, MUL),
    ):
        for size in sizes:
            pair = (by_label.get(label(name, size)) for name in (one, other))
            found.append(above(f"{text}, batch size {size}", _published(one, other, size), *pair))
    for network in (SUM, MUL):
        found += [_overfits(by_label, network, size) for size in sizes]
    if len(sizes) > 1:
        for network in NETWORKS:
            pair = (by_label.get(label(network, size)) for size in (sizes[0], sizes[-1]))
            text = f"{network}: batch size {sizes[0]} is above {sizes[-1]}"
            found.append(above(text, _published_sizes(network, sizes[0], sizes[-1]), *pair))
    costs = [_cost(network, times) for network in (LOOPY, DEEP)]
    return [*correct_claims(found), *costs]


def _published(one: str, other: str, size: int) -> str:
    figures = [PUBLISHED.get((name, size)) for name in (one, other)]
    if None in figures:
        return "not given"
    return show_published(*(figure["test"] for figure in figures if figure))


def _published_sizes(network: str, small: int, large: int) -> str:
    figures = [PUBLISHED.get((network, size)) for size in (small, large)]
    if None in figures:
        return "not given"
    return show_published(*(figure["test"] for figure in figures if figure))


def _overfits(rows: dict[str, Row], network: str, size: int) -> Claim:
    """Return the claim that a loop layer trains better than loopy and tests worse."""
    text = f"{network} overfits, batch size {size}: train above loopy, test below"
    one, other = (rows.get(label(name, size)) for name in (network, LOOPY))
    published = "not given"
    if (network, size) in PUBLISHED:
        ours, loopy = PUBLISHED[network, size], PUBLISHED[LOOPY, size]
        published = "; ".join(f"{p} {show_published(ours[p], loopy[p])}" for p in ("train", "test"))
    test = above(text, published, other, one)  # below: loopy's test accuracy is above
    if test.estimate is None or one is None or other is None or not (one.train and other.train):
        return test
    train = _train_difference(one, other)
    shown = f"train {100 * train.mean:+.2f}, test {-100 * test.estimate.mean:+.2f} points"
    if train.low is not None and train.high is not None:
        shown += f" (train from {100 * train.low:+.2f} to {100 * train.high:+.2f})"
    if train.high is not None and train.high < 0:
        # It does not train better, so it cannot be said to overfit, whatever the test says.
        return Claim(text, published, shown, "does not hold", seeds=test.seeds)
    if train.low is None or train.low <= 0:
        return Claim(text, published, shown, "undecided", seeds=test.seeds)
    return replace(test, measured=shown)


def _train_difference(one: Row, other: Row) -> Estimate:
    """Return the difference of train accuracies, with an interval over the seeds that both have.

    The answers to training images are not kept, so that images cannot be paired: with one seed the
    interval is that of two binomial shares.
    """
    ours, theirs = (_train_results(row) for row in (one, other))
    seeds = sorted(ours.keys() & theirs.keys())
    gains = np.array([ours[seed]["accuracy"] - theirs[seed]["accuracy"] for seed in seeds])
    if len(seeds) > 1:
        return mean_over_seeds(gains)
    shares = [(found[seeds[0]]["accuracy"], found[seeds[0]]["images"]) for found in (ours, theirs)]
    mean, reach = float(gains[0]), 1.96 * sqrt(sum(p * (1 - p) / n for p, n in shares))
    return Estimate(mean, mean - reach, mean + reach)


def _train_results(row: Row) -> dict[int, dict[str, Any]]:
    """Return what each run's results.json says of training images, by its seed."""
    return {run.spec().training.seed: run.results()["train"] for run in row.runs}


def _cost(network: str, times: StepTimes | None) -> Claim:
    """Return the claim that a network costs about as many times vanilla as it has unrolls."""
    text = f"{network} takes about {UNROLLS} times as long to train as vanilla"
    if times is None:
        return Claim(text, "about k = 3", "", "not measured")
    ratio = times.ratio(network, VANILLA)
    low, high = times.ratio_range(network, VANILLA)
    shown = (
        f"{ratio:.2f} ({low:.2f} to {high:.2f} in {len(times.seconds[network])} rounds), "
        f"batch size {times.batch_size}, {times.device}"
    )
    holds = 0.75 * UNROLLS <= ratio <= 1.25 * UNROLLS
    return Claim(text, "about k = 3", shown, "holds" if holds else "does not hold")


EXPERIMENT = Experiment(
    name="fig8",
    title="CIFAR-10: vanilla, loopy, loop layers and deep (figure 8)",
    cells=cells,
    claims=claims,
    published={label(*key): figures for key, figures in PUBLISHED.items()},
    timed=NETWORKS,
    baseline=VANILLA,
)

"""Early exit of a trained network: a threshold chosen on validation images, used on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from loopynet.compare.table import markdown, show_estimate
from loopynet.data import Images, Preprocessing
from loopynet.network import Confident, LoopyNet
from loopynet.page import chart_style, series_style
from loopynet.run import (
    ExitTimes,
    choose_exit,
    exit_answers,
    exit_point,
    show_rule,
    time_exit,
    unroll_logits,
)
from loopynet.run.exit_choice import THRESHOLDS
from loopynet.statistics import Estimate, mean_over_seeds_and_images

ALONE = 500
"""How many images are timed one by one, beside all of them in batches of 256."""


@dataclass(frozen=True)
class SplitExit:
    """What a threshold gave on a set of images.

    Attributes:
        images: how many.
        all_unrolls: accuracy of all unrolls, 0 to 1.
        accuracy: accuracy if images stop early.
        difference: the second less the first, with a 95 % interval over the images.
        mean_unrolls: how many unrolls an image had.
        each_unroll: accuracy if all images stop at this unroll, for each that gives logits.
        stopping: share of the images that stop at each of them.
    """

    images: int
    all_unrolls: float
    accuracy: float
    difference: Estimate
    mean_unrolls: float
    each_unroll: tuple[float, ...]
    stopping: tuple[float, ...]


@dataclass(frozen=True)
class EarlyExit:
    """A threshold of confidence, and what it gave.

    Attributes:
        network: its name.
        unrolls: the most.
        lost: the most accuracy that it was to lose on the validation images, 0 to 1.
        threshold: the one with the fewest unrolls; None if all unrolls are needed.
        validation: the images that it was chosen on.
        split: the name of the other images: "test".
        chosen: the other images.
        curve: threshold, mean unrolls and accuracy on the other images, for many thresholds.
        times: with and without early exit; empty without a threshold.
    """

    network: str
    unrolls: int
    lost: float
    threshold: float | None
    validation: SplitExit
    split: str
    chosen: SplitExit
    curve: tuple[tuple[float, float, float], ...]
    times: tuple[ExitTimes, ...]

    @property
    def share(self) -> float:
        """Mean unrolls of the other images over all unrolls."""
        return self.chosen.mean_unrolls / self.unrolls

    def plain(self) -> dict[str, Any]:
        """Return the same as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> EarlyExit:
        """Return what `plain` gave; keys that it does not give are passed over."""
        values = {name: data[name] for name in cls.__dataclass_fields__}
        for name in ("validation", "chosen"):
            one = dict(values[name])
            one["difference"] = Estimate(**one["difference"])
            shares = {key: tuple(one[key]) for key in ("each_unroll", "stopping")}
            values[name] = SplitExit(**{**one, **shares})
        values["curve"] = tuple((p, unrolls, share) for p, unrolls, share in data["curve"])
        values["times"] = tuple(
            ExitTimes(**{**t, "all_unrolls": tuple(t["all_unrolls"]), "early": tuple(t["early"])})
            for t in data["times"]
        )
        return cls(**values)


def measure_early_exit(
    net: LoopyNet,
    validation: Images,
    images: Images,
    preprocessing: Preprocessing,
    lost: float = 0.002,
    split: str = "test",
    device: torch.device | str = "cpu",
) -> EarlyExit:
    """Choose a threshold on validation images, and use it on others, once.

    Args:
        net: the network, which is put in evaluation mode.
        validation: the images to choose on.
        images: the others.
        preprocessing: of the run.
        lost: the most accuracy that may be lost on the validation images, 0 to 1.
        split: the name of the others.
        device: where to compute.

    Raises:
        DataError: a set of images is empty.
    """
    before = net.graph.first_readout - 1
    known = unroll_logits(net, validation, preprocessing, device=device)
    rule = choose_exit(*known, lost, before).rule
    assert rule is None or isinstance(rule, Confident)
    found = unroll_logits(net, images, preprocessing, device=device)
    points = [(p, exit_point(*found, Confident(p), before)) for p in THRESHOLDS]
    times: list[ExitTimes] = []
    if rule is not None:
        for some, size in ((images, 256), (images.first(ALONE), 1)):
            times.append(time_exit(net, some, preprocessing, rule, size, device))
    return EarlyExit(
        network=net.graph.name,
        unrolls=net.graph.steps,
        lost=lost,
        threshold=None if rule is None else rule.probability,
        validation=_split(*known, rule, before),
        split=split,
        chosen=_split(*found, rule, before),
        curve=tuple((p, point.mean_unrolls, point.accuracy) for p, point in points),
        times=tuple(times),
    )


def _split(each: Tensor, labels: Tensor, rule: Confident | None, before: int) -> SplitExit:
    times, right = exit_answers(each, labels, rule)
    _, full = exit_answers(each, labels, None)
    gains = (right.double() - full.double()).numpy()[None]
    return SplitExit(
        images=len(labels),
        all_unrolls=float(full.double().mean()),
        accuracy=float(right.double().mean()),
        difference=mean_over_seeds_and_images(gains),
        mean_unrolls=before + float(times.double().mean()),
        each_unroll=tuple((each.argmax(-1) == labels).double().mean(-1).tolist()),
        stopping=tuple(float((times == t).double().mean()) for t in range(1, len(each) + 1)),
    )


def early_exit_tables(found: EarlyExit) -> str:
    """Return accuracy and unrolls on both sets of images, and the times, as Markdown."""
    rule = show_rule(None if found.threshold is None else Confident(found.threshold))
    head = ("images", "n", "all unrolls", rule, "difference, points", "mean unrolls",
            f"of {found.unrolls}")  # fmt: skip
    rows = []
    for name, one in (("validation", found.validation), (found.split, found.chosen)):
        share = f"{100 * one.mean_unrolls / found.unrolls:.0f} %"
        accuracies = (f"{100 * one.all_unrolls:.2f}", f"{100 * one.accuracy:.2f}")
        difference = show_estimate(one.difference, signed=True)
        rows.append((name, f"{one.images:,}", *accuracies, difference, f"{one.mean_unrolls:.2f}",
                     share))  # fmt: skip
    stopping = ", ".join(f"{100 * share:.0f} %" for share in found.chosen.stopping)
    fixed = ", ".join(f"{100 * share:.2f}" for share in found.chosen.each_unroll)
    said = (
        f"{rule} needs the fewest unrolls of all thresholds that lose at most "
        f"{100 * found.lost:g} points on the validation images. Accuracies in percent, 95 % "
        f"intervals over images. Of the {found.split} images {stopping} stop at the successive "
        f"unrolls. If all of them stop at the same unroll, accuracies are {fixed}.\n"
    )
    parts = [markdown(head, rows), said]
    if found.times:
        parts.append(_times_table(found.times))
    return "\n".join(parts)


def _times_table(times: Sequence[ExitTimes]) -> str:
    head = ("batch size", "images", "device", "s, all unrolls", "s, early exit",
            "ratio, median (quartiles)")  # fmt: skip
    rows = []
    for one in times:
        low, high = one.middle
        threads = f"{one.device}, {one.threads} thread{'s' if one.threads > 1 else ''}"
        seconds = (f"{sum(one.all_unrolls):.1f}", f"{sum(one.early):.1f}")
        ratio = f"{one.ratio:.2f} ({low:.2f} to {high:.2f})"
        rows.append((str(one.batch_size), f"{one.images:,}", threads, *seconds, ratio))
    return markdown(head, rows)


def early_exit_figure(found: EarlyExit) -> Figure:
    """Return accuracy against mean unrolls for all thresholds, with the chosen one."""
    one = found.chosen
    with chart_style():
        figure = Figure(figsize=(7, 3.6), dpi=100, facecolor="white")
        axes = figure.add_subplot(
            xlabel=f"mean unrolls of {found.unrolls}", ylabel=f"{found.split} accuracy, %"
        )
        unrolls = [point[1] for point in found.curve]
        style = {**series_style(0), "marker": "."}
        accuracy = [100 * point[2] for point in found.curve]
        axes.plot(unrolls, accuracy, **style, label="thresholds of confidence")
        axes.axhline(100 * one.all_unrolls, color="0.5", linewidth=1, label="all unrolls")
        if found.threshold is not None:
            style = {**series_style(1), "linestyle": "none", "markersize": 8}
            label = f"chosen on validation images: {found.threshold:g}"
            axes.plot([one.mean_unrolls], [100 * one.accuracy], **style, label=label)
        figure.legend(loc="outside upper center", ncols=3)
    return figure

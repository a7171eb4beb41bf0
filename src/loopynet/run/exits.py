"""Early exit on a set of images: how many unrolls a rule saves, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loopynet.data import Images, Preprocessing
from loopynet.errors import DataError, LoopyNetError
from loopynet.network import Agreed, Confident, Converged, Each, LoopyNet, Stop
from loopynet.network.checks import check_one_answer
from loopynet.run.evaluate import evaluation_batches

CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Exit:
    """What a stopping rule gave on a set of images.

    Attributes:
        rule: the rule; None for all unrolls.
        mean_unrolls: how many unrolls an image had, on average.
        accuracy: share of right answers, 0 to 1.
        seconds: time of the forward passes; None if the figures come from a run of all unrolls.
        converged: share of images whose loop signals settled; None but with `Converged`.
    """

    rule: Stop | None
    mean_unrolls: float
    accuracy: float
    seconds: float | None = None
    converged: float | None = None


@torch.inference_mode()
def exit_curve(
    net: LoopyNet,
    images: Images,
    preprocessing: Preprocessing,
    unrolls: int | None = None,
    device: torch.device | str = "cpu",
) -> list[Exit]:
    """Return accuracy against mean unrolls, for thresholds of confidence and runs of agreement.

    The logits of every unroll are computed once, and each rule is applied to them.

    Args:
        net: the network, which is put in evaluation mode.
        images: what to look at.
        preprocessing: of the run.
        unrolls: the most; the spec's if None.
        device: where to compute.

    Raises:
        DataError: there are no images.
    """
    each, labels = unroll_logits(net, images, preprocessing, unrolls, device)
    return curve_points(each, labels, net.graph.first_readout - 1)


def curve_points(each: Tensor, labels: Tensor, before: int = 0) -> list[Exit]:
    """Return the curve of `exit_curve` from the logits of all unrolls, as `exit_point` takes them.

    The first point is that of all unrolls.
    """
    rules: list[Confident | Agreed] = [Confident(p) for p in CONFIDENCES]
    rules += [Agreed(n) for n in range(2, len(each))]
    return [exit_point(each, labels, rule, before) for rule in (None, *rules)]


def exit_point(
    each: Tensor, labels: Tensor, rule: Confident | Agreed | None, before: int = 0
) -> Exit:
    """Return what a rule gives, from the logits of all unrolls.

    Args:
        each: logits [k, N, classes].
        labels: the right classes [N].
        rule: the rule; None for all unrolls.
        before: unrolls without logits, which come first.
    """
    times, right = exit_answers(each, labels, rule)
    return Exit(rule, before + float(times.double().mean()), _share(right))


def exit_answers(
    each: Tensor, labels: Tensor, rule: Confident | Agreed | None
) -> tuple[Tensor, Tensor]:
    """Return the unroll [N] at which each sample stops, 1 to k, and whether it is right [N]."""
    times = torch.full_like(labels, len(each)) if rule is None else exit_times(each, rule)
    return times, each.argmax(-1).gather(0, times[None] - 1)[0] == labels


def exit_times(each: Tensor, rule: Confident | Agreed) -> Tensor:
    """Return the unroll [N] at which each sample stops, from its logits [k, N, classes]."""
    times = torch.full((each.shape[1],), len(each), device=each.device)
    for t in range(len(each) - 1, 0, -1):
        times[rule.done(list(each[:t]))] = t
    return times


@torch.inference_mode()
def evaluate_exit(
    net: LoopyNet,
    images: Images,
    preprocessing: Preprocessing,
    rule: Stop | None,
    device: torch.device | str = "cpu",
    unrolls: int | None = None,
) -> Exit:
    """Run a stopping rule on images, samples leaving as they are done, and time it.

    Args:
        net: the network, which is put in evaluation mode.
        images: what to look at.
        preprocessing: of the run.
        rule: the rule; None for all unrolls.
        device: where to compute.
        unrolls: the most; the spec's if None.

    Raises:
        DataError: there are no images.
        LoopyNetError: a number of unrolls with `Converged`, which has its own.
    """
    _some(net, images)
    net.eval().to(device)
    most = unrolls if rule else unrolls or net.graph.steps
    right, counts, settled = [], [], []
    seconds = 0.0
    for pixels, labels in evaluation_batches(images, preprocessing):
        x = pixels.to(device)
        begin = time.perf_counter()
        outcome = net.run(x, rule, unrolls=most, readout="last")
        answers = outcome.logits.argmax(-1).cpu()  # waits for the device
        seconds += time.perf_counter() - begin
        right.append(answers == labels)
        counts.append(outcome.unrolls.cpu())
        if outcome.converged is not None:
            settled.append(outcome.converged.cpu())
    mean = float(torch.cat(counts).double().mean())
    share = _share(torch.cat(settled)) if settled else None
    return Exit(rule, mean, _share(torch.cat(right)), seconds, share)


def parse_rule(text: str) -> Stop:
    """Return the rule of words such as confident=0.9, agreed=2 or converged=0.001.

    Raises:
        LoopyNetError: no such rule, or an impossible value.
    """
    word, _, value = text.partition("=")
    try:
        if word == "confident" and 0 <= float(value) <= 1:
            return Confident(float(value))
        if word == "agreed" and int(value) > 1:
            return Agreed(int(value))
        if word == "converged" and float(value) > 0:
            return Converged(float(value))
    except ValueError:
        pass
    raise LoopyNetError(
        f'"{text}" is no stopping rule; write confident=P with P from 0 to 1, agreed=N with N from '
        "2 up, or converged=TOLERANCE"
    )


def show_rule(rule: Stop | None) -> str:
    """Return a rule in the words of `parse_rule`."""
    if rule is None:
        return "all unrolls"
    if isinstance(rule, Confident):
        return f"confident={rule.probability:g}"
    return f"agreed={rule.unrolls}" if isinstance(rule, Agreed) else f"converged={rule.tolerance:g}"


def best_exit(points: Sequence[Exit], lost: float = 0.002) -> Exit:
    """Return the point with the fewest unrolls that loses at most `lost` of the accuracy."""
    full = next(point for point in points if point.rule is None)
    kept = [point for point in points if point.accuracy >= full.accuracy - lost]
    return min(kept, key=lambda point: point.mean_unrolls)


@torch.inference_mode()
def unroll_logits(
    net: LoopyNet,
    images: Images,
    preprocessing: Preprocessing,
    unrolls: int | None = None,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """Return the logits [k, N, classes] of every unroll that has some, and the labels [N].

    Args:
        net: the network, which is put in evaluation mode.
        images: what to look at.
        preprocessing: of the run.
        unrolls: the most; the spec's if None.
        device: where to compute; the result is on the CPU.

    Raises:
        DataError: there are no images.
    """
    _some(net, images)
    net.eval().to(device)
    steps = unrolls or net.graph.steps
    batches = evaluation_batches(images, preprocessing)
    each = [net(pixels.to(device), unrolls=steps, readout=Each()).cpu() for pixels, _ in batches]
    return torch.cat(each, 1), images.labels.cpu()


def _some(net: LoopyNet, images: Images) -> None:
    check_one_answer(net.graph, "early exit")
    if not len(images):
        raise DataError("there are no images to evaluate on; this split is empty")


def _share(right: Tensor) -> float:
    return float(right.double().mean())

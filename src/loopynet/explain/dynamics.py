"""What the unrolls do: accuracy, movement of activations, changes of mind, convergence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from loopynet.explain.convergence import Convergence, Signals, convergence
from loopynet.explain.frozen import check_described
from loopynet.explain.intervals import over_images, quantiles
from loopynet.explain.passes import check_undelayed
from loopynet.explain.sample import Progress, batches, check_sample
from loopynet.network import Each, LoopyNet
from loopynet.statistics import Estimate


@dataclass(frozen=True)
class Unroll:
    """How the answers after one unroll are.

    Attributes:
        accuracy: share of right answers.
        loss: mean cross-entropy, in nats.
        confidence: mean of the largest class probability.
        margin: mean of the right class's logit less the largest other one; negative when wrong.
    """

    accuracy: Estimate
    loss: Estimate
    confidence: Estimate
    margin: Estimate


@dataclass(frozen=True)
class Movement:
    """How far a layer's activations move from unroll t - 1 to t: |h_t - h_(t-1)| / |h_(t-1)|.

    Images of which h_(t-1) is all zero are left out.

    Attributes:
        mean: over images.
        quantiles: 5, 25, 50, 75 and 95 % over images.
    """

    mean: Estimate
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Changes:
    """How many images are answered otherwise than one unroll before.

    Attributes:
        right_to_wrong: right before, wrong now.
        wrong_to_right: wrong before, right now.
        wrong_to_wrong: wrong before, and wrong in another way now.
    """

    right_to_wrong: int
    wrong_to_right: int
    wrong_to_wrong: int


@dataclass(frozen=True)
class Dynamics:
    """What happens from unroll to unroll.

    Attributes:
        images: how many were looked at.
        trained: the number of unrolls that the network was trained with.
        unrolls: the answers after unrolls 1 to k.
        movement: of each looped layer, at unrolls 2 to k.
        changes: at unrolls 2 to k.
        last_change: how many images changed their answer for the last time at unroll 1 (never
            changed), 2, ... k.
        convergence: what the loops' signals do in the later unrolls; None with fewer than four
            unrolls, or without loops.
    """

    images: int
    trained: int
    unrolls: tuple[Unroll, ...]
    movement: Mapping[str, tuple[Movement, ...]]
    changes: tuple[Changes, ...]
    last_change: tuple[int, ...]
    convergence: Convergence | None


@torch.no_grad()
def dynamics(
    net: LoopyNet,
    images: Tensor,
    labels: Tensor,
    *,
    unrolls: int | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Dynamics:
    """Measure what happens from unroll to unroll.

    Intervals are 95 %, over images.

    Args:
        net: the network, in evaluation mode.
        images: preprocessed images [N, *graph.input_shape].
        labels: class numbers [N].
        unrolls: how many to run; the trained number if None. More than that warns where the
            unrolls have norms of their own: the later ones use those of the last trained one.
        batch_size: images at a time; changes memory only.
        progress: told after each batch.

    Raises:
        LoopyNetError: training mode, wrong shapes, or an impossible number of unrolls.
    """
    check_described(net)
    check_undelayed(net)
    check_sample(net, images, labels)
    logits, moved, signals = [], [], []
    for rows in batches(len(images), batch_size, "dynamics", progress):
        trace = _Trace(net)
        logits.append(
            net(images[rows], unrolls=unrolls or net.graph.steps, readout=Each(), record=trace)
        )
        moved.append(trace.movement)
        signals.append(trace.signals.figures())
    every = torch.cat(logits, dim=1)  # [k, N, classes]
    movement = {
        name: tuple(_movement(torch.cat([part[name][i] for part in moved])) for i in range(len(m)))
        for name, m in moved[0].items()
    }
    answers = every.argmax(-1)
    return Dynamics(
        images=len(images),
        trained=net.graph.steps,
        unrolls=tuple(_unroll(one, labels) for one in every),
        movement=movement,
        changes=tuple(_changes(a, b, labels) for a, b in pairwise(answers)),
        last_change=_last_change(answers),
        convergence=convergence(signals, net.graph.steps),
    )


class _Trace:
    """Takes a run's activations as they come, and keeps only what they moved."""

    def __init__(self, net: LoopyNet) -> None:
        nodes = net.graph.layers.values()
        self._looped = [n.name for n in nodes if n.section == "body"]
        self._before: dict[str, Tensor] = {}
        self.movement: dict[str, list[Tensor]] = {}
        self.signals = Signals(net.graph.loops)

    def __call__(self, name: str, value: Tensor) -> None:
        layer, _, t = name.partition("@")
        if layer not in self._looped:
            return
        if layer in self._before:
            before = self._before[layer].flatten(1)
            size = before.norm(dim=1)
            moved = (value.flatten(1) - before).norm(dim=1) / size
            self.movement.setdefault(layer, []).append(moved.where(size > 0, torch.nan))
        self._before[layer] = value
        self.signals.take(layer, int(t), value)


def _movement(values: Tensor) -> Movement:
    known = values[~values.isnan()]
    mean = over_images(known) if len(known) else Estimate(float("nan"))
    return Movement(mean, quantiles(values))


def _unroll(logits: Tensor, labels: Tensor) -> Unroll:
    """Return the figures of one unroll's logits [N, classes]."""
    right = logits.gather(1, labels[:, None]).squeeze(1)
    others = logits.scatter(1, labels[:, None], float("-inf")).amax(1)
    return Unroll(
        accuracy=over_images(logits.argmax(1) == labels),
        loss=over_images(functional.cross_entropy(logits, labels, reduction="none")),
        confidence=over_images(logits.softmax(1).amax(1)),
        margin=over_images(right - others),
    )


def _changes(before: Tensor, now: Tensor, labels: Tensor) -> Changes:
    was, right = before == labels, now == labels
    return Changes(
        right_to_wrong=int((was & ~right).sum()),
        wrong_to_right=int((~was & right).sum()),
        wrong_to_wrong=int((~was & ~right & (before != now)).sum()),
    )


def _last_change(answers: Tensor) -> tuple[int, ...]:
    """Return how many images changed last at each unroll, from the answers [k, N]."""
    count = len(answers)
    last = torch.ones_like(answers[0])
    for t in range(2, count + 1):
        last[answers[t - 1] != answers[t - 2]] = t
    return tuple(torch.bincount(last, minlength=count + 1)[1:].tolist())

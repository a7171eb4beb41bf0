"""A threshold of confidence that is chosen on some images and used on others, and timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loopynet.data import Batches, Images, Preprocessing
from loopynet.network import Confident, LoopyNet, Stop
from loopynet.run.exits import Exit, best_exit, exit_point

THRESHOLDS = tuple(percent / 100 for percent in range(20, 100))


def choose_exit(each: Tensor, labels: Tensor, lost: float, before: int = 0) -> Exit:
    """Return the threshold of confidence with the fewest unrolls that loses little accuracy.

    Choose it on validation images: on the images that it was chosen on, a threshold looks better
    than it is.

    Args:
        each: logits [k, N, classes] of `unroll_logits`.
        labels: the right classes [N].
        lost: the most accuracy that may be lost, 0 to 1.
        before: unrolls without logits, which come first.
    """
    rules: Sequence[Confident | None] = (None, *(Confident(p) for p in THRESHOLDS))
    return best_exit([exit_point(each, labels, rule, before) for rule in rules], lost)


@dataclass(frozen=True)
class ExitTimes:
    """Seconds of the same batches with all unrolls and with a stopping rule, in turns.

    Attributes:
        batch_size: images in a batch.
        images: how many in all.
        device: where it ran.
        threads: of torch.
        all_unrolls: seconds of each batch.
        early: seconds of each batch with the rule.
    """

    batch_size: int
    images: int
    device: str
    threads: int
    all_unrolls: tuple[float, ...]
    early: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Time with the rule over time without, of each batch, sorted."""
        return sorted(a / b for a, b in zip(self.early, self.all_unrolls, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def middle(self) -> tuple[float, float]:
        """The quartiles of the ratios."""
        ratios = self.ratios
        return ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]


@torch.inference_mode()
def time_exit(
    net: LoopyNet,
    images: Images,
    preprocessing: Preprocessing,
    rule: Stop,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
) -> ExitTimes:
    """Run each batch with all unrolls and with a rule, by turns first, and time the passes.

    Args:
        net: the network, which is put in evaluation mode.
        images: what to look at.
        preprocessing: of the run.
        rule: the rule; samples that are done leave the batch.
        batch_size: images in a batch.
        device: where to compute.

    Raises:
        DataError: the batch size is below 1.
    """
    net.eval().to(device)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    batches = Batches(images, preprocessing, batch_size, shuffle=False)
    for number, (pixels, _) in enumerate(batches):
        x = pixels.to(device)
        if not number:
            _seconds(net, x, None)  # the first batch of all is slow
            _seconds(net, x, rule)
        for early in (False, True) if number % 2 else (True, False):
            seconds[early].append(_seconds(net, x, rule if early else None))
    times = tuple(seconds[False]), tuple(seconds[True])
    return ExitTimes(batch_size, len(images), str(device), torch.get_num_threads(), *times)


def _seconds(net: LoopyNet, x: Tensor, rule: Stop | None) -> float:
    begin = time.perf_counter()
    outcome = net.run(x, rule, unrolls=None if rule else net.graph.steps, readout="last")
    outcome.logits.cpu()  # waits for the device
    return time.perf_counter() - begin

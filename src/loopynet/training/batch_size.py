"""`training.batch_size: auto`: the largest batch that fits."""

from __future__ import annotations

from bisect import bisect_right

from loopynet.graph.costs import show_bytes
from loopynet.spec import NetworkSpec
from loopynet.training.need import free_bytes, process_bytes, training_device
from loopynet.training.workers import ALONE, Workers

SHARE = 0.8
"""Of the free memory that a batch may need: the prediction is within 20 %."""


def with_number(
    spec: NetworkSpec, images: int, workers: Workers = ALONE
) -> tuple[NetworkSpec, str]:
    """Return the spec with a number for `batch_size: auto`, and a line that says which.

    It is the largest power of two that is not above the number of training images and whose
    training needs, as predicted, at most `SHARE` of what is free now; 1 if none does.

    Args:
        spec: the network and its training.
        images: training images.
        workers: how many processes share the batch; those of a machine share its memory, too.
    """
    device = training_device(spec)
    free = free_bytes(device) // (workers.devices if device.type == "cpu" else 1)
    exponents = range(max(images, 1).bit_length())
    fitting = bisect_right(exponents, SHARE * free, key=lambda e: _needed(spec, 2**e, workers))
    size: int = 2 ** max(0, fitting - 1)
    amount = show_bytes(_needed(spec, size, workers))
    said = (
        f"training.batch_size: {size} found, the largest power of two that fits "
        f"(about {amount} of {show_bytes(free)} free, {images:,} training images)"
    )
    training = spec.training.model_copy(update={"batch_size": size})
    return spec.model_copy(update={"training": training}), said


def _needed(spec: NetworkSpec, size: int, workers: Workers) -> int:
    """Return what one process needs for its share of a batch."""
    return process_bytes(spec, training_device(spec), -(-size // workers.count))

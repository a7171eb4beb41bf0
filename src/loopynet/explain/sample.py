"""The images that are measured: what is refused, and how they come in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from loopynet.errors import LoopyNetError
from loopynet.network import LoopyNet
from loopynet.network.checks import check_one_answer
from loopynet.parts.shape import show

Progress = Callable[[str, int, int], None]
"""Called with what is measured, how many steps of it are done, and how many there are."""


def check_sample(
    net: LoopyNet, images: Tensor, labels: Tensor | None = None, *, evaluation: bool = True
) -> None:
    """Refuse what cannot be measured.

    Args:
        net: the network.
        images: preprocessed images [N, *graph.input_shape].
        labels: class numbers [N], if they are needed.
        evaluation: whether the network must be in evaluation mode.

    Raises:
        LoopyNetError: training mode, no images, or shapes that do not fit.
    """
    if evaluation and net.training:
        raise LoopyNetError(
            f'"{net.graph.name}" is in training mode, in which the images of a batch depend on '
            "each other; call net.eval() first"
        )
    if tuple(images.shape[1:]) != net.graph.input_shape:
        wanted = show(net.graph.input_shape)
        raise LoopyNetError(
            f'"{net.graph.name}" takes inputs [N, {wanted[1:]}, and got {show(images.shape)}'
        )
    if not len(images):
        raise LoopyNetError("there are no images to measure on; give at least one")
    if labels is not None:
        check_one_answer(net.graph, "this measurement")
    if labels is not None and labels.shape != images.shape[:1]:
        raise LoopyNetError(
            f"there are {len(images)} images and labels of shape {show(labels.shape)}; give one "
            "class number for each image"
        )


def batches(count: int, size: int, what: str, progress: Progress | None) -> Iterator[slice]:
    """Yield slices of at most `size` images, telling the progress after each."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
        if progress is not None:
            progress(what, min(start + size, count), count)

"""What can be known before training: each function raises if a run would fail later on."""

from __future__ import annotations

import torch

from loopynet.data import build_augmentation
from loopynet.errors import DataError, SpecError
from loopynet.graph import Graph
from loopynet.parts.shape import show, size
from loopynet.spec import TrainingSpec
from loopynet.spec.augmentation import ColorJitter, Erase


def check_device(options: TrainingSpec) -> None:
    """Raise SpecError if the device is not there or cannot compute in the precision."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(options.device, True):
        raise SpecError(
            f"is {options.device}, which torch does not find on this machine; write auto or cpu",
            ("training", "device"),
        )
    if options.precision == "float16" and (options.device == "cpu" or not available["cuda"]):
        raise SpecError(
            "float16 needs a CUDA device; write float32 or bfloat16", ("training", "precision")
        )


def check_augmentation(options: TrainingSpec, shape: tuple[int, ...]) -> None:
    """Raise SpecError if an augmentation cannot be applied to images of this shape."""
    augment = build_augmentation(options.augmentation)
    if augment is None:
        return
    try:
        augment(torch.rand(2, *shape))
    except (DataError, RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise SpecError(
            f"cannot be applied to images {show(shape)} ({reason}); change or remove it",
            ("training", "augmentation"),
        ) from None


def check_label_maps(options: TrainingSpec, graph: Graph) -> None:
    """Raise SpecError for an option that does not go with label maps, if the network gives maps."""
    if len(graph.output_shape) == 1:
        return
    if options.protocol == "published":
        raise SpecError(
            "is published, which has one label for each image, and the network gives label maps; "
            "write standard",
            ("training", "protocol"),
        )
    for number, step in enumerate(options.augmentation):
        if not isinstance(step, ColorJitter | Erase):
            raise SpecError(
                "moves pixels and would leave their labels where they are, and the network gives "
                "label maps; remove it (color_jitter and erase move none)",
                ("training", "augmentation", number),
            )


def check_without_validation(options: TrainingSpec) -> None:
    """Raise SpecError for an option that needs validation images, of which there are none."""
    needy = {
        "early_stopping": options.early_stopping is not None,
        "keep": options.keep == "best",
        "learning_rate_schedule": options.learning_rate_schedule.name == "plateau",
    }
    for key, needs in needy.items():
        if needs:
            raise SpecError(
                "needs validation images, and data.split gives none; write a validation count",
                ("training", key),
            )


def check_smallest_batch(graph: Graph, options: TrainingSpec, images: int) -> None:
    """Raise SpecError if batch norm would meet a single number per channel."""
    rest = images % options.step_images if options.protocol == "standard" else 0
    if (rest or options.step_images) != 1:
        return
    for node in graph.layers.values():
        if node.norm.type == "batch" and size(node.output_shape) == node.output_shape[0]:
            raise SpecError(
                f"leaves a batch of one image of {images:,}, on which the batch norm of "
                f'"{node.name}" cannot be trained; write another size',
                ("training", "batch_size"),
            )

"""Classes of single images, with probabilities, at the last or at every unroll."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from loopynet.data import read_image
from loopynet.errors import SpecError
from loopynet.network import Each
from loopynet.network.checks import check_one_answer
from loopynet.run.device import best_device
from loopynet.run.folder import RunFolder


@dataclass(frozen=True)
class Prediction:
    """What a network says about one image.

    Attributes:
        image: the file.
        probabilities: for each unroll from `first_unroll` on, (class name, probability) of the
            likeliest classes, the likeliest first; of a run to convergence the last only.
        first_unroll: the first unroll that gives logits: 1, or later where signals have delays.
    """

    image: str
    probabilities: tuple[tuple[tuple[str, float], ...], ...]
    first_unroll: int = 1


def predict(
    run: RunFolder, images: Sequence[str | Path], top: int = 3, unrolls: int | None = None
) -> list[Prediction]:
    """Classify image files; each is converted to the network's channels and size.

    Args:
        run: a run folder.
        images: the files.
        top: how many classes to give.
        unrolls: passes; the spec's if None.

    Raises:
        DataError: a file that is missing or no image.
        SpecError: a network whose input is no image.
        LoopyNetError: a network of label maps.
    """
    net, preprocessing, names = run.network(), run.preprocessing(), run.class_names()
    check_one_answer(net.graph, "predicting classes of image files")
    if len(net.graph.input_shape) != 3:
        raise SpecError(f'"{net.graph.name}" takes vectors, not images')
    shape = (net.graph.input_shape[0], net.graph.input_shape[1], net.graph.input_shape[2])
    pixels = torch.stack([read_image(Path(image), shape) for image in images])
    device = best_device()
    x = preprocessing(pixels).to(device)
    net.to(device)
    converging = unrolls is None and net.stop is not None  # one answer, at the fixed point
    with torch.inference_mode():  # not above: weights that are made in it have no gradient
        # [readouts, N, classes]
        logits = net(x)[None] if converging else net(x, unrolls=unrolls, readout=Each())
    values, classes = logits.softmax(-1).topk(min(top, logits.shape[-1]))
    return [
        Prediction(
            str(image),
            tuple(
                tuple(
                    (names[c] if c < len(names) else str(c), p)
                    for p, c in zip(values[t, n].tolist(), classes[t, n].tolist(), strict=True)
                )
                for t in range(len(logits))
            ),
            1 if converging else net.graph.first_readout,
        )
        for n, image in enumerate(images)
    ]

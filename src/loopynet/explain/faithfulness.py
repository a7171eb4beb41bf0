"""Whether a map shows what the answer rests on: deletion and insertion of pixels.

Pixels are removed from the one with the largest value down, or put into an empty image in the same
order, and the probability of the class is followed (Petsiuk, Das and Saenko, RISE, 2018). A
faithful map has a small area under the deletion curve and a large one under the insertion curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from loopynet.errors import LoopyNetError
from loopynet.explain.frozen import check_described
from loopynet.explain.intervals import over_images
from loopynet.explain.sample import Progress, batches, check_sample
from loopynet.modules.gradient import Full
from loopynet.network import LoopyNet
from loopynet.network.checks import check_one_answer
from loopynet.parts.shape import show
from loopynet.statistics import Estimate

Replacement = Literal["mean", "blur"]


@dataclass(frozen=True)
class Curves:
    """The curves of one kind of map; probabilities are those of the class that is followed.

    Attributes:
        deletion: mean probability after each share of pixels was removed, from 0 to 1.
        insertion: the same as pixels are put in.
        deletion_area: area under the deletion curve, mean over images with a 95 % interval.
        insertion_area: the same of the insertion curve.
        deletion_less: this area less that of another map, image by image; a negative one speaks
            for this map.
        insertion_less: the same; a positive one speaks for this map.
    """

    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    deletion_area: Estimate
    insertion_area: Estimate
    deletion_less: Mapping[str, Estimate]
    insertion_less: Mapping[str, Estimate]


@dataclass(frozen=True)
class Faithfulness:
    """Deletion and insertion of several maps.

    Attributes:
        images: how many were looked at.
        shares: the shares of pixels at which the curves were read.
        replacement: what stands for a removed pixel.
        random_maps: how many random maps were averaged for each image.
        maps: the curves by name, "random" and "gradient" among them.
    """

    images: int
    shares: tuple[float, ...]
    replacement: Replacement
    random_maps: int
    maps: Mapping[str, Curves]


def faithfulness(
    net: LoopyNet,
    images: Tensor,
    maps: Mapping[str, Tensor],
    *,
    classes: Tensor | None = None,
    unrolls: int | None = None,
    steps: int = 16,
    replacement: Replacement = "mean",
    random_maps: int = 3,
    batch_size: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
) -> Faithfulness:
    """Return deletion and insertion curves of maps, of random maps and of the plain gradient.

    Args:
        net: the network, in evaluation mode.
        images: preprocessed images [N, C, H, W].
        maps: maps [N, H, W] by name; larger values come first, equal ones in a random order.
            "random" is added, and "gradient" unless it is given: the largest magnitude over
            channels of the gradient of the class's logit, which does not vanish where the
            probability is 1.
        classes: class numbers [N] to follow; the network's own answers if None.
        unrolls: how many to run; the trained number if None.
        steps: equal steps from no pixel to all of them.
        replacement: "mean" replaces a pixel by 0, the training mean after preprocessing; "blur"
            by the image blurred (Gaussian of a sixteenth of the image's height).
        random_maps: how many for each image.
        batch_size: images at a time; changes memory only.
        seed: of random maps and of the order of equal values.
        progress: told after each batch.

    Raises:
        LoopyNetError: training mode, or shapes that do not fit.
    """
    check_described(net)
    check_one_answer(net.graph, "deletion and insertion")
    check_sample(net, images, classes)
    _check_maps(net, images, maps)
    answers = []
    with torch.no_grad():
        for rows in batches(len(images), batch_size, "", None):
            answers.append(
                net(images[rows], unrolls=unrolls or net.graph.steps, readout="last").argmax(1)
            )
    followed = torch.cat(answers) if classes is None else classes
    generator = torch.Generator().manual_seed(seed)
    kinds = dict(maps)
    if "gradient" not in kinds:
        kinds["gradient"] = _gradient(net, images, followed, unrolls, batch_size)
    orders = {name: [_order(one, generator)] for name, one in kinds.items()}
    noise = torch.zeros(len(images), *images.shape[2:])
    orders["random"] = [_order(noise, generator) for _ in range(random_maps)]
    empty = torch.zeros_like(images) if replacement == "mean" else _blurred(images)
    curves = {}
    for name, several in orders.items():
        each = [
            _curves(net, (images, empty), order, followed, unrolls, steps, batch_size,
                    f"deletion and insertion: {name}", progress)
            for order in several
        ]  # fmt: skip
        curves[name] = torch.stack(each).mean(0)  # [2, N, steps + 1]
    shares = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    areas = {name: torch.trapezoid(both, shares, dim=2) for name, both in curves.items()}
    return Faithfulness(
        images=len(images),
        shares=tuple(shares.tolist()),
        replacement=replacement,
        random_maps=random_maps,
        maps={name: _summary(name, both, areas) for name, both in curves.items()},
    )


def _check_maps(net: LoopyNet, images: Tensor, maps: Mapping[str, Tensor]) -> None:
    if len(net.graph.input_shape) != 3:
        raise LoopyNetError(f'"{net.graph.name}" takes vectors, and maps are of images')
    wanted = (len(images), *images.shape[2:])
    for name, one in maps.items():
        if tuple(one.shape) != wanted:
            raise LoopyNetError(
                f'the map "{name}" is {show(tuple(one.shape))}, and the images need {show(wanted)}'
            )
        if name == "random":
            raise LoopyNetError('the name "random" is taken by the random maps; choose another')


def _gradient(
    net: LoopyNet, images: Tensor, classes: Tensor, unrolls: int | None, batch_size: int
) -> Tensor:
    """Return the magnitude [N, H, W] of the gradient of the logits, the largest over channels."""
    found = []
    for rows in batches(len(images), batch_size, "", None):
        with torch.enable_grad():
            x = images[rows].detach().clone().requires_grad_()
            steps = unrolls or net.graph.steps
            logits = net(x, unrolls=steps, readout="last", gradient=Full())
            score = logits.gather(1, classes[rows, None]).sum()
            (gradient,) = torch.autograd.grad(score, x)
        found.append(gradient.abs().amax(1))
    return torch.cat(found)


def _order(values: Tensor, generator: torch.Generator) -> Tensor:
    """Return the rank [N, H * W] of each pixel: 0 for the largest; ties are broken at random."""
    flat = values.flatten(1)
    shuffled = torch.rand(flat.shape, generator=generator).to(flat.device).argsort(1)
    order = flat.gather(1, shuffled).argsort(dim=1, descending=True, stable=True)
    return shuffled.gather(1, order).argsort(1)


def _blurred(images: Tensor) -> Tensor:
    """Return images [N, C, H, W] after a Gaussian of a sixteenth of their height."""
    sigma = max(images.shape[2] / 16, 0.5)
    reach = round(3 * sigma)
    line = torch.exp(-torch.arange(-reach, reach + 1).square() / (2 * sigma**2)).to(images)
    kernel = (line / line.sum()).expand(images.shape[1], 1, 1, -1)
    padded = functional.pad(images, (reach, reach, reach, reach), mode="replicate")
    across = functional.conv2d(padded, kernel, groups=images.shape[1])
    return functional.conv2d(across, kernel.transpose(2, 3), groups=images.shape[1])


@torch.no_grad()
def _curves(
    net: LoopyNet,
    pictures: tuple[Tensor, Tensor],
    ranks: Tensor,
    classes: Tensor,
    unrolls: int | None,
    steps: int,
    batch_size: int,
    what: str,
    progress: Progress | None,
) -> Tensor:
    """Return class probabilities, float64 [2, N, steps + 1], of deletion and insertion."""
    images, empty = pictures
    pixels = ranks.shape[1]
    found = torch.zeros(2, len(images), steps + 1, dtype=torch.float64)
    for rows in batches(len(images), batch_size, what, progress):
        x, nothing = images[rows], empty[rows]
        for i in range(steps + 1):
            first = (ranks[rows] < round(pixels * i / steps)).reshape(len(x), 1, *x.shape[2:])
            for kind, mixed in enumerate((nothing.where(first, x), x.where(first, nothing))):
                logits = net(mixed, unrolls=unrolls or net.graph.steps, readout="last")
                chosen = logits.softmax(1).gather(1, classes[rows, None])
                found[kind, rows, i] = chosen.squeeze(1).double().cpu()
    return found


def _summary(name: str, both: Tensor, areas: Mapping[str, Tensor]) -> Curves:
    others = [other for other in ("random", "gradient") if other != name]
    less = {other: areas[name] - areas[other] for other in others}
    deletion, insertion = both.mean(1).tolist()
    return Curves(
        deletion=tuple(deletion),
        insertion=tuple(insertion),
        deletion_area=over_images(areas[name][0]),
        insertion_area=over_images(areas[name][1]),
        deletion_less={other: over_images(d[0]) for other, d in less.items()},
        insertion_less={other: over_images(d[1]) for other, d in less.items()},
    )

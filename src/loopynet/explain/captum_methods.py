"""Methods of Captum for any target at any unroll. They need `pip install "loopynet[explain]"`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError
from loopynet.explain.backward import run_to
from loopynet.explain.frozen import Network
from loopynet.explain.maps import maps_of
from loopynet.explain.score import Score
from loopynet.explain.target import Filters, Position, Target, filter_numbers

IMAGES_AT_ONCE = 4
"""Each image takes the memory of many: of all steps of its path, or of several occlusions."""
OCCLUSIONS_AT_ONCE = 16


def integrated_gradients(
    net: Network,
    images: Tensor,
    at: str | Sequence[str],
    filter: Filters = 0,
    *,
    position: Position | None = None,
    unrolls: int | None = None,
    baseline: float | Tensor = 0.0,
    steps: int = 50,
) -> Tensor:
    """Return the gradient integrated from a baseline image, times the difference to it.

    The values of one image sum up to the target's value there less its value for the baseline,
    but for the error of the sum over `steps`. Arguments, result and errors are those of `gradient`,
    and these. Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, 2017.

    Args:
        baseline: a number, or an image [1, *input_shape] or for each image its own; preprocessed.
        steps: points on the way.

    Raises:
        LoopyNetError: Captum is not installed.
    """
    method = _captum().IntegratedGradients

    def attribute(score: Score, x: Tensor, number: int) -> Tensor:
        result: Tensor = method(score).attribute(
            x, baselines=baseline, target=number, n_steps=steps
        )
        return result

    return _attribute(attribute, net, images, at, filter, position, unrolls)


def occlusion(
    net: Network,
    images: Tensor,
    at: str | Sequence[str],
    filter: Filters = 0,
    *,
    position: Position | None = None,
    unrolls: int | None = None,
    baseline: float | Tensor = 0.0,
    window: int = 3,
    stride: int = 1,
) -> Tensor:
    """Return how much a target falls when a window of the image is covered.

    A pixel's value is the mean fall over the windows that cover it. Arguments, result and errors
    are those of `gradient`, and these. Source: Zeiler and Fergus, Visualizing and Understanding
    Convolutional Networks, 2014, section 4.

    Args:
        baseline: what covers the window: a number, or a preprocessed image [1, *input_shape].
        window: its height and width in pixels; it covers all channels.
        stride: the step between windows, at most `window`.

    Raises:
        LoopyNetError: Captum is not installed, or the window does not fit.
    """
    method = _captum().Occlusion
    shape = net.graph.input_shape
    smallest = min(shape[1:] or shape)
    if not 1 <= window <= smallest or not 1 <= stride <= window:
        raise LoopyNetError(
            f"the window must have 1 to {smallest} pixels and the stride 1 to that many; they are "
            f"{window} and {stride}"
        )
    window_shape = (shape[0], window, window) if len(shape) == 3 else (window,)
    strides = (shape[0], stride, stride) if len(shape) == 3 else (stride,)

    def attribute(score: Score, x: Tensor, number: int) -> Tensor:
        result: Tensor = method(score).attribute(
            x, window_shape, strides, baseline, target=number,
            perturbations_per_eval=OCCLUSIONS_AT_ONCE,
        )  # fmt: skip
        return result

    return _attribute(attribute, net, images, at, filter, position, unrolls)


def _attribute(
    attribute: Callable[[Score, Tensor, int], Tensor],
    net: Network,
    images: Tensor,
    at: str | Sequence[str],
    filters: Filters,
    position: Position | None,
    unrolls: int | None,
) -> Tensor:
    """Return the maps of all targets, without the dimensions that were not asked for."""

    def method(x: Tensor, names: list[str]) -> Tensor:
        with torch.no_grad():
            found = run_to(net, x[:1], names, unrolls)
        numbers = [filter_numbers(filters, name, found[name][0]) for name in names]
        if len({len(row) for row in numbers}) > 1:
            raise LoopyNetError("the activations have unequally many filters; name them")
        targets = [Target(n, f, position) for n, row in zip(names, numbers, strict=True)
                   for f in row]  # fmt: skip
        score = Score(net, targets, unrolls)
        rows = [
            torch.cat([attribute(score, part, i).detach() for part in _parts(x)])
            for i in range(len(targets))
        ]
        return torch.stack(rows).reshape(len(names), -1, *images.shape)

    return maps_of(net, images, at, filters, method)


def _parts(x: Tensor) -> list[Tensor]:
    return [part.detach().requires_grad_() for part in torch.split(x, IMAGES_AT_ONCE)]


def _captum() -> ModuleType:
    try:
        import captum.attr
    except ImportError:
        raise LoopyNetError(
            'this method needs Captum, which is not installed: pip install "loopynet[explain]"'
        ) from None
    module: ModuleType = captum.attr
    return module

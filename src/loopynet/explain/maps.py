"""What all methods that give a map of the image begin and end with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from loopynet.explain.frozen import Network, as_input, check_evaluation
from loopynet.explain.target import Filters, names_of


def maps_of(
    net: Network,
    images: Tensor,
    at: str | Sequence[str],
    filters: Filters,
    method: Callable[[Tensor, list[str]], Tensor],
) -> Tensor:
    """Return the maps of all targets, without the dimensions that were not asked for.

    Args:
        net: the network, in evaluation mode.
        images: preprocessed images [N, *input_shape], of the network's type and device.
        at: the activations.
        filters: their filters.
        method: gets the images, which ask for a gradient, and the activations' names; returns
            [A, F, N, *input_shape].

    Raises:
        LoopyNetError: training mode, images of another kind, or no activation.
    """
    check_evaluation(net)
    names = names_of(net, at)
    with torch.inference_mode(False), torch.enable_grad():
        maps = method(as_input(net, images), names)
    maps = maps.squeeze(1) if isinstance(filters, int) else maps
    return maps.squeeze(0) if isinstance(at, str) else maps

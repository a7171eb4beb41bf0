"""A first layer that whitens: its filters are the directions in which patches of images vary."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from loopynet.data import Images, Preprocessing
from loopynet.errors import SpecError
from loopynet.network import LoopyNet

IMAGES = 5000
"""How many training images the directions are found from; the first ones."""
EPS = 5e-4
"""Added to the variances: directions that hardly vary are not blown up."""


def whiten(net: LoopyNet, images: Images, preprocessing: Preprocessing) -> None:
    """Set the filters of the layer `training.whiten` from training images.

    Filter 2i is the i-th principal direction of the patches that the layer looks at, over the
    root of its variance, and filter 2i + 1 the same with the other sign, for a rectifier keeps only
    one side (Coates and Ng 2012; Page 2018). The bias is 0.

    Args:
        net: the network; it is changed.
        images: the training images.
        preprocessing: what they enter the network through.

    Raises:
        SpecError: the layer is not the main stack's first, is no conv2d of one group, or has more
            filters than directions.
    """
    name = net.spec.training.whiten
    if name is None:
        return
    layer = _convolution(net, name)
    pixels = images.first(IMAGES).pixels
    filters = whitening_filters(preprocessing(pixels), layer)
    if len(filters) < layer.out_channels:
        raise SpecError(
            f"{name} has {layer.out_channels} filters, and its patches vary in {len(filters) // 2} "
            f"directions of two signs; write at most {len(filters)} filters",
            ("training", "whiten"),
        )
    with torch.no_grad():
        layer.weight.copy_(filters[: layer.out_channels])
        if layer.bias is not None:
            layer.bias.zero_()


def whitening_filters(inputs: Tensor, layer: nn.Conv2d) -> Tensor:
    """Return filters [2 * C * h * w, C, h, w] for inputs [N, C, H, W], most variance first."""
    height, width = layer.kernel_size
    size = inputs.shape[1] * height * width
    total, square, count = torch.zeros(size).double(), torch.zeros(size, size).double(), 0
    for part in torch.split(inputs.double(), 256):
        patches = functional.unfold(part, (height, width), layer.dilation)  # [n, size, places]
        patches = patches.transpose(0, 1).flatten(1)
        total += patches.sum(1)
        square += patches @ patches.T
        count += patches.shape[1]
    mean = total / count
    variances, directions = torch.linalg.eigh(square / count - mean.outer(mean))
    scaled = (directions / (variances.clamp_min(0) + EPS).sqrt()).T.flip(0)  # largest first
    # The sign of a direction is arbitrary: the largest number of each is positive.
    largest = scaled.gather(1, scaled.abs().argmax(1, keepdim=True))
    scaled = scaled * largest.sign()
    both = torch.stack((scaled, -scaled), 1).flatten(0, 1)
    return both.reshape(-1, inputs.shape[1], height, width).to(inputs.dtype)


def _convolution(net: LoopyNet, name: str) -> nn.Conv2d:
    """Return the module of the layer, or refuse it."""
    module = net.layers[name] if name == net.spec.main[0] and name in net.layers else None
    found = getattr(module, "op", None)
    if isinstance(found, nn.Sequential):
        found = found[-1]  # after zeros that are not equal on both sides
    if not isinstance(found, nn.Conv2d) or found.groups != 1:
        raise SpecError(
            f'"{name}" is not a conv2d of one group, with one set of weights, at the start of the '
            "main stack; name such a layer, or leave whiten out",
            ("training", "whiten"),
        )
    return found

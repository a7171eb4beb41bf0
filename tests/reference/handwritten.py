"""The published loopy network, written out by hand in plain PyTorch functions.

Nothing of loopynet is used: tensors come in by their state-dict keys, and the text below is the
network's description, line by line.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Norm:
    """Which normalization follows the convolutions, and what the passes share."""

    type: str = "batch"
    over_time: str = "per_step"
    momentum: float = 0.1
    eps: float = 1e-5


def join(merge: str, x: Tensor, f: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    """Return the input of conv_1 from the image x and the feedback f."""
    if merge == "sum":
        return x + f
    if merge == "mul":
        return x * f
    if merge == "mean":
        return (x + f) / 2
    if merge == "max":
        return torch.maximum(x, f)
    if merge == "concat":
        return torch.cat([x, f], dim=1)
    if merge == "replace":
        return f
    if merge == "modulate":
        return x + x * f
    if merge == "gain":
        return x * (1 + torch.tanh(f))
    assert merge == "gate"
    weight = tensors["merges.feedback.op.weigh.weight"]
    bias = tensors["merges.feedback.op.weigh.bias"]
    return x + torch.sigmoid(functional.conv2d(torch.cat([x, f], 1), weight, bias)) * f


def normalize(norm: Norm, x: Tensor, name: str, t: int, tensors: dict[str, Tensor], training: bool):
    """Return the output of convolution `name` at pass t, normalized; training moves statistics."""
    if norm.type == "none":
        return x
    own_affine = norm.over_time == "per_step"
    own_statistics = norm.over_time != "shared"
    scale = tensors[f"layers.{name}.norm.weight"][t - 1 if own_affine else 0]
    shift = tensors[f"layers.{name}.norm.bias"][t - 1 if own_affine else 0]
    if norm.type == "batch":
        row = t - 1 if own_statistics else 0
        running_mean = tensors[f"layers.{name}.norm.running_mean"]
        running_var = tensors[f"layers.{name}.norm.running_var"]
        if training:
            mean = x.mean((0, 2, 3))
            variance = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3))
            count = x.numel() // x.shape[1]
            with torch.no_grad():
                m = norm.momentum
                running_mean[row] = (1 - m) * running_mean[row] + m * mean
                running_var[row] = (1 - m) * running_var[row] + m * variance * count / (count - 1)
        else:
            mean, variance = running_mean[row], running_var[row]
        mean, variance = mean[None, :, None, None], variance[None, :, None, None]
    else:
        # conv_1 and conv_2 have 64 channels in 32 groups, conv_3 has 3 in 3; or all in one.
        groups = 1 if norm.type == "layer" else min(x.shape[1], 32)
        n, c, h, w = x.shape
        split = x.reshape(n, groups, c // groups, h, w)
        mean = split.mean((2, 3, 4), keepdim=True).expand_as(split).reshape(n, c, h, w)
        variance = split.var((2, 3, 4), keepdim=True, unbiased=False)
        variance = variance.expand_as(split).reshape(n, c, h, w)
    x = (x - mean) / torch.sqrt(variance + norm.eps)
    return x * scale[:, None, None] + shift[:, None, None]


def cifar10_loopy(
    x: Tensor,
    tensors: dict[str, Tensor],
    *,
    passes: int = 3,
    merge: str = "sum",
    norm: Norm | None = None,
    training: bool = False,
) -> Tensor:
    """Return the logits [N, 10] of images x [N, 3, H, W].

    Three convolutions with 3x3 filters, 64, 64 and 3 of them, that keep the size; each is followed
    by the normalization of the pass and ReLU. The last one's output f comes back and joins the
    image in the next pass. After the last pass a fully connected layer gives the logits.

    Args:
        x: images.
        tensors: weights and statistics; training changes the statistics in place.
        passes: the unroll factor k.
        merge: how the feedback joins the image.
        norm: what normalizes the convolutions.
        training: whether batch norm uses the batch's statistics.
    """
    norm = norm or Norm()
    f = None
    for t in range(1, passes + 1):
        if f is not None:
            h = join(merge, x, f, tensors)
        elif merge == "concat":
            h = torch.cat([x, torch.zeros_like(x)], dim=1)  # no feedback yet: three empty channels
        else:
            h = x
        for name in ("conv_1", "conv_2", "conv_3"):
            weight, bias = tensors[f"layers.{name}.op.weight"], tensors[f"layers.{name}.op.bias"]
            h = functional.conv2d(h, weight, bias, stride=1, padding=1)
            h = torch.relu(normalize(norm, h, name, t, tensors, training))
        f = h
    weight, bias = tensors["layers.fc_1.op.weight"], tensors["layers.fc_1.op.bias"]
    return functional.linear(f.reshape(f.shape[0], -1), weight, bias)

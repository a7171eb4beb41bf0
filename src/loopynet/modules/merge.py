"""Merges that are more than one line of arithmetic, and the fitting of a signal to its target."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def concat(x: Tensor, signal: Tensor) -> Tensor:
    """Return the channels of x, then those of the signal: [N, C + D, ...]."""
    return torch.cat((x, signal), dim=1)


def _mix(inputs: int, outputs: int, image: bool) -> nn.Module:
    """Return a 1x1 convolution, or a dense layer for vectors; Glorot-uniform."""
    mix = nn.Conv2d(inputs, outputs, 1) if image else nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(mix.weight)
    nn.init.zeros_(mix.bias)  # type: ignore[arg-type]
    return mix


class Gate(nn.Module):
    """x + g * f with g = sigmoid(W [x; f] + b): a learned gate for the signal.

    Args:
        shape: the shape of x and of the signal, (C, H, W) or (F,).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weigh = _mix(2 * shape[0], shape[0], image=len(shape) == 3)

    def forward(self, x: Tensor, signal: Tensor) -> Tensor:
        """Return the gated sum of x and signal, both [N, C, H, W] or [N, F]."""
        gate: Tensor = self.weigh(concat(x, signal)).sigmoid()
        return x + gate * signal


class Resize(nn.Module):
    """Bilinear interpolation to the target's height and width; channels stay."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)

    def forward(self, signal: Tensor) -> Tensor:
        """Return [N, C, height, width] of [N, C, H, W]."""
        return functional.interpolate(signal, self.size, mode="bilinear", align_corners=False)


class Pad(nn.Module):
    """Every s-th position of a signal, then channels of zeros: a shortcut without weights.

    This is option A of He et al. (2016), section 3.3. The zeros come after the signal's channels.

    Args:
        signal: the signal's shape, (C, H, W) or (F,).
        target: the shape to reach: height and width are ceil(n / s) for some stride s, and
            no channels are lost.
    """

    def __init__(self, signal: tuple[int, ...], target: tuple[int, ...]) -> None:
        super().__init__()
        self.strides = tuple(-(-n // m) for n, m in zip(signal[1:], target[1:], strict=True))
        self.missing = target[0] - signal[0]

    def forward(self, signal: Tensor) -> Tensor:
        """Return the signal as [N, *target]."""
        if any(step > 1 for step in self.strides):
            signal = signal[:, :, :: self.strides[0], :: self.strides[1]]
        around = (0, 0) * len(self.strides)  # from the last axis to the channels
        return functional.pad(signal, (*around, 0, self.missing))


class Project(nn.Module):
    """A learned map of the signal to the target's shape.

    Images go through a 1x1 convolution to the target's channels and, where sizes differ, bilinear
    interpolation; vectors through a dense layer. A vector into an image is spread over all
    positions; an image into a vector is flattened first.

    Args:
        signal: the signal's shape, (C, H, W) or (F,).
        target: the target's input shape, (C, H, W) or (F,).
    """

    def __init__(self, signal: tuple[int, ...], target: tuple[int, ...]) -> None:
        super().__init__()
        self.flatten = len(signal) == 3 and len(target) == 1
        self.spread = tuple(target) if len(signal) == 1 and len(target) == 3 else None
        inputs = signal[0] * signal[1] * signal[2] if self.flatten else signal[0]
        both_images = len(signal) == 3 and len(target) == 3
        self.mix = _mix(inputs, target[0], image=both_images)
        sizes_differ = both_images and signal[1:] != target[1:]
        self.resize = Resize(target[1], target[2]) if sizes_differ else nn.Identity()

    def forward(self, signal: Tensor) -> Tensor:
        """Return the signal as [N, *target]."""
        x: Tensor = self.resize(self.mix(signal.flatten(1) if self.flatten else signal))
        if self.spread is not None:
            x = x[:, :, None, None].expand(-1, -1, self.spread[1], self.spread[2])
        return x

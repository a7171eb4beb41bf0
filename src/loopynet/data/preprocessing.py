"""How pixels become the numbers that a network sees: scale, subtract a mean, divide by a spread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from loopynet.errors import DataError
from loopynet.spec.data import DataSpec

Statistic = Literal["none", "channel", "pixel"]

_SCALES = {"unit": 1.0 / 255.0, "byte": 1.0}
_FIT_CHUNK = 1024  # images summed at once: bounds the memory of `fit` whatever N is


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """(pixels * scale - mean) / std, in float32.

    Args:
        scale: 1/255 for pixels in 0..1, 1 for 0..255.
        mean: float32, broadcastable to [N, C, H, W]: [1, 1, 1, 1] (zero), [1, C, 1, 1] (by channel)
            or [1, C, H, W] (by pixel).
        std: float32, broadcastable likewise; ones if nothing is divided.
    """

    scale: float
    mean: Tensor
    std: Tensor

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the network's input, float32 [N, C, H, W], for uint8 pixels [N, C, H, W]."""
        scaled = pixels.to(torch.float32) * self.scale
        return scaled.sub_(self.mean.to(scaled.device)).div_(self.std.to(scaled.device))

    def normalize(self, scaled: Tensor) -> Tensor:
        """Return (scaled - mean) / std for float32 pixels [N, C, H, W] that are scaled already."""
        return (scaled - self.mean.to(scaled.device)) / self.std.to(scaled.device)

    @classmethod
    def fit(cls, pixels: Tensor, spec: DataSpec) -> Preprocessing:
        """Return `fit_parts` of images that are one tensor, uint8 [N, C, H, W]."""
        return cls.fit_parts(torch.split(pixels, _FIT_CHUNK), spec)

    @classmethod
    def fit_parts(cls, parts: Iterable[Tensor], spec: DataSpec) -> Preprocessing:
        """Compute the mean and the standard deviation of training images.

        The sums are exact integers and the statistics float64 before they are stored as float32.
        The standard deviation is the population's (divided by N) and never less than one gray
        level: a pixel that is constant in training, such as a black border, must not be blown up.

        Args:
            parts: uint8 [n, C, H, W] each, together the training images only; how they are
                parted changes nothing.
            spec: its `scale`, `center` and `standardize` are used.

        Raises:
            DataError: there are no images.
        """
        scale = _SCALES[spec.scale]
        total, squares, count = _sums(parts)
        mean, _ = _moments(total, squares, count, spec.center)
        _, variance = _moments(total, squares, count, spec.standardize)
        if spec.center == "none":
            mean = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
        std = variance.sqrt().clamp_min(1.0) * scale
        if spec.standardize == "none":
            std = torch.ones(1, 1, 1, 1, dtype=torch.float64)
        return cls(scale, (mean * scale).float(), std.float())

    def to_tensors(self) -> dict[str, Tensor]:
        """Return plain tensors "scale" (float64), "mean" and "std", fit for safetensors."""
        scale = torch.tensor(self.scale, dtype=torch.float64)
        return {"scale": scale, "mean": self.mean, "std": self.std}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], shape: tuple[int, ...] | None = None
    ) -> Preprocessing:
        """Rebuild what `to_tensors` stored.

        Args:
            tensors: by name.
            shape: the network's input shape (C, H, W), which mean and deviation must fit; None to
                take any.

        Raises:
            DataError: one of the three tensors is missing, is no float, does not fit the shape, or
                would give numbers that are not finite.
        """
        missing = [key for key in ("scale", "mean", "std") if key not in tensors]
        if missing:
            raise DataError(f"the stored preprocessing lacks {missing}: save the model again")
        scale, mean, std = (_finite(key, tensors[key]) for key in ("scale", "mean", "std"))
        if scale.numel() != 1 or not (std > 0).all():
            raise DataError("the stored preprocessing divides by no number above 0: save it again")
        for key, value in (("mean", mean), ("std", std)):
            if shape is not None and not _fits(value, shape):
                raise DataError(
                    f"the stored preprocessing has a {key} of shape {list(value.shape)}, and the "
                    f"network takes {list(shape)}: save the model again"
                )
        return cls(float(scale), mean, std)


def _finite(key: str, value: Tensor) -> Tensor:
    if value.dtype not in (torch.float32, torch.float64) or not value.isfinite().all():
        raise DataError(f'the stored preprocessing has no finite floats as "{key}": save it again')
    return value


def _fits(value: Tensor, shape: tuple[int, ...]) -> bool:
    """Say whether a statistic can be broadcast to images [N, *shape]."""
    wanted = (1, *shape)
    pairs = zip(value.shape, wanted, strict=False)
    return value.dim() == len(wanted) and all(have in (1, want) for have, want in pairs)


def _sums(parts: Iterable[Tensor]) -> tuple[Tensor, Tensor, int]:
    """Return sum and sum of squares over images, int64 [C, H, W], and how many there are."""
    total, squares, count = torch.tensor(0), torch.tensor(0), 0
    for pixels in parts:
        whole = pixels.to(torch.int32)
        total = total.to(whole.device) + whole.sum(0)
        squares = squares.to(whole.device) + whole.square_().sum(0)
        count += len(pixels)
    if not count:
        raise DataError("preprocessing needs training images, got none: check data.split.train")
    return total, squares, count


def _moments(
    total: Tensor, squares: Tensor, count: int, statistic: Statistic
) -> tuple[Tensor, Tensor]:
    """Return mean and variance in gray levels, float64 [1, C, H, W] or [1, C, 1, 1]."""
    if statistic == "channel":
        count *= total.shape[1] * total.shape[2]
        total, squares = total.sum((1, 2), keepdim=True), squares.sum((1, 2), keepdim=True)
    mean = total.double() / count
    variance = (squares.double() / count - mean.square()).clamp_min(0.0)
    return mean[None], variance[None]

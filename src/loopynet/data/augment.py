"""Random changes of training images, made by kornia."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

from torch import Tensor

from loopynet.errors import DataError
from loopynet.spec.augmentation import (
    Affine,
    Augmentation,
    ColorJitter,
    Crop,
    Erase,
    Flip,
    Rotate,
)

Augment = Callable[[Tensor], Tensor]


def build_augmentation(specs: Sequence[Augmentation]) -> Augment | None:
    """Return a function that applies the augmentations in their order, or None if there are none.

    It takes and returns pixels in 0..1, float32 [N, C, H, W]; each image is changed differently.
    Its random numbers come from torch's global generator, which the caller seeds.

    Raises:
        DataError: kornia is not installed.
    """
    if not specs:
        return None
    try:
        import kornia.augmentation as kornia
    except ImportError as error:
        raise DataError('augmentation needs kornia: pip install "loopynet[augment]"') from error
    steps = [_build(spec, kornia) for spec in specs]

    def augment(images: Tensor) -> Tensor:
        for step in steps:
            images = step(images)
        return images.clamp(0.0, 1.0)  # interpolation may round a little beyond

    return augment


def _build(spec: Augmentation, kornia: ModuleType) -> Augment:
    match spec:
        case Flip():
            flip = kornia.RandomHorizontalFlip if spec.horizontal else kornia.RandomVerticalFlip
            step = flip(p=spec.probability)
        case Crop():
            return _crop(spec, kornia)
        case Rotate():
            step = kornia.RandomRotation(spec.degrees, p=1.0)
        case ColorJitter():
            return _jitter(spec, kornia)
        case Erase():
            step = kornia.RandomErasing(p=spec.probability)
        case Affine():
            translate = (spec.translate, spec.translate)
            step = kornia.RandomAffine(spec.degrees, translate, spec.scale, p=1.0)
    return step  # type: ignore[no-any-return]


def _crop(spec: Crop, kornia: ModuleType) -> Augment:
    def crop(images: Tensor) -> Tensor:
        size = (images.shape[-2], images.shape[-1])  # known only now
        step = kornia.RandomCrop(size, padding=spec.padding, padding_mode=spec.padding_mode)
        return step(images)  # type: ignore[no-any-return]

    return crop


def _jitter(spec: ColorJitter, kornia: ModuleType) -> Augment:
    step = kornia.ColorJitter(spec.brightness, spec.contrast, spec.saturation, spec.hue, p=1.0)

    def jitter(images: Tensor) -> Tensor:
        if images.shape[1] != 3 and (spec.saturation or spec.hue):
            raise DataError(
                "color_jitter changes saturation or hue, which images of "
                f"{images.shape[1]} channels have not: set both to 0"
            )
        return step(images)  # type: ignore[no-any-return]

    return jitter

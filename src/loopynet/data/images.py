"""A user's own image, for a prediction."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from loopynet.data.decode import decode_image, frame_for
from loopynet.errors import DataError


def read_image(path: str | Path, shape: tuple[int, ...]) -> Tensor:
    """Read an image file as a network's input, before preprocessing.

    The image is turned to gray or RGB and resized (bilinear) as the network needs.

    Args:
        path: a BMP, GIF, JPEG, PNG, PPM, TIFF or WebP file.
        shape: the network's input shape (C, H, W); C is 1 or 3.

    Returns:
        uint8 [C, H, W].

    Raises:
        DataError: no such file, not an image, a damaged one, or one of more pixels than Pillow's
            limit against decompression bombs.
    """
    frame = frame_for(shape, resize=True, any_color=True)
    file = Path(path).expanduser()
    if not file.is_file():
        raise DataError(f"no image file {file}: check the path")
    return torch.from_numpy(decode_image(file, frame, str(file)).copy())

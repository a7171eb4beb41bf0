"""One image, from its encoded bytes to uint8 [C, H, W]: color mode, size, and what can be wrong."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from loopynet.errors import DataError

Pixels = NDArray[np.uint8]

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are read. Pillow has thirty more: seldom used and seldom tested readers, and one,
EPS, that hands a file to another program, which runs it."""

_GRAY_MODES = ("L", "1", "LA")
_COLOR_MODES = ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr")
_PIL_CHANNELS = {"L": 1, "RGB": 3}


@dataclass(frozen=True)
class Frame:
    """The form that every image must have.

    Args:
        shape: the network's input shape (C, H, W).
        resize: resize images of another size (bilinear) instead of refusing them. Default: False.
        any_color: turn color images to gray for a one-channel network instead of refusing them.
            Default: False.
    """

    shape: tuple[int, int, int]
    resize: bool = False
    any_color: bool = False


def frame_for(shape: tuple[int, ...], *, resize: bool = False, any_color: bool = False) -> Frame:
    """Return the frame of a network's input shape.

    Raises:
        DataError: the shape is not [C, H, W] with positive sizes.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise DataError(
            f"images need an input shape of [channels, height, width], but the network takes "
            f"{list(shape)}: change the network's input"
        )
    return Frame((shape[0], shape[1], shape[2]), resize, any_color)


def decode_image(file: BinaryIO | Path, frame: Frame, where: str) -> Pixels:
    """Decode an image file or its bytes to uint8 [C, H, W].

    Args:
        file: an open binary file or a path.
        frame: the form to bring the image to.
        where: what messages call the image ("row 12 of train.parquet").

    Raises:
        DataError: no image, a damaged one, a huge one, or one that does not fit the frame.
    """
    with opened(file, where) as image:
        return fit_image(image, frame, where)


def decode_map(file: BinaryIO | Path, where: str) -> tuple[str, Pixels]:
    """Return the mode and the numbers [H, W] or [H, W, C] of a label map; raises DataError."""
    with opened(file, where) as image:
        return image.mode, np.array(image)


@contextmanager
def opened(file: BinaryIO | Path, where: str) -> Iterator[Image.Image]:
    """Open an image of one of `FORMATS`, and turn what decoding it raises into DataError."""
    try:
        with warnings.catch_warnings():
            # what Pillow warns of here is an error of ours
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
        with image:
            _check_area(image, where)
            _check_decoder(image, where)
            yield image
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(_too_large(where)) from error
    # Pillow's decoders raise what comes up on damaged bytes: OSError, SyntaxError, ValueError,
    # struct.error, zlib.error, EOFError, IndexError...
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "unknown format" if unknown else str(error)[:200]
        raise DataError(
            f"{where} cannot be decoded as an image ({reason}): replace or remove it"
        ) from error


def fit_image(image: Image.Image, frame: Frame, where: str) -> Pixels:
    """Return an image's pixels in the frame's channels and size, uint8 [C, H, W].

    Gray images (L, 1, LA, 16-bit) fit one channel and are repeated for three; color images (RGB,
    RGBA, P, CMYK) fit three. Alpha is dropped, 16-bit gray keeps its upper 8 bits.

    Raises:
        DataError: the mode or the size does not fit.
    """
    channels, height, width = frame.shape
    image = _to_channels(image, frame, where)
    if image.size != (width, height):
        if not frame.resize:
            raise DataError(
                f"{where} has shape {_shape(image)}, but the network takes {list(frame.shape)}: "
                "write data.resize: true"
            )
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _to_channels(image: Image.Image, frame: Frame, where: str) -> Image.Image:
    channels = frame.shape[0]
    image = _to_eight_bits(image)
    gray = image.mode in _GRAY_MODES
    if not gray and image.mode not in _COLOR_MODES:
        raise DataError(f"{where} has the mode {image.mode}: convert it to 8-bit gray or RGB")
    if channels == 3:
        return image if image.mode == "RGB" else image.convert("RGB")
    if channels != 1:
        raise DataError(
            f"{where} has shape {_shape(image)}, but the network takes {list(frame.shape)}: "
            "image files fit 1 or 3 channels"
        )
    if not gray and not frame.any_color:
        raise DataError(
            f"{where} is a color image of shape {_shape(image)}, but the network takes "
            f"{list(frame.shape)}: give the network 3 input channels or convert the images to gray"
        )
    return image if image.mode == "L" else image.convert("L")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    # older Pillow opens 16-bit gray PNG files in mode "I"; convert("L") would clip, not scale
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray((wide >> 8).astype(np.uint8))
    return image


def _shape(image: Image.Image) -> list[int]:
    channels = 1 if image.mode in _GRAY_MODES else _PIL_CHANNELS.get(image.mode, 3)
    return [channels, image.height, image.width]


def _check_area(image: Image.Image, where: str) -> None:
    # Pillow itself refuses only twice its limit, and merely warns before
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise DataError(_too_large(where))


def _check_decoder(image: Image.Image, where: str) -> None:
    # Pillow's decoder for run lengths is Python, and 194 bytes kept it busy for 4 s
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    if any(tile[0] == "bmp_rle" for tile in tiles):
        raise DataError(f"{where} is a BMP file of run lengths, which is not read: save it as PNG")


def _too_large(where: str) -> str:
    return f"{where} has more than {Image.MAX_IMAGE_PIXELS} pixels: make it smaller first"

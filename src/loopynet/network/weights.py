"""Weights from safetensors files."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from loopynet.errors import RunError
from loopynet.foreign import read_start

LARGEST_HEADER = 16_000_000
"""Bytes; the weights of the largest networks have headers of less."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return a safetensors file's tensors; raises RunError if it is missing or damaged."""
    _check_header(path)
    try:
        return load_file(path)
    # a type of number that torch lacks is a KeyError; a lying header what its check finds
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise RunError(f"{path}: cannot be read ({error})") from None


def _check_header(path: Path) -> None:
    """Raise RunError if a file is no plain file, or says that its header is huge."""
    start = read_start(path, 8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > LARGEST_HEADER:
        raise RunError(f"{path}: cannot be read (it has no header of safetensors)")


def load_weights(net: nn.Module, source: Path) -> None:
    """Load a safetensors file; raises RunError that names what does not fit."""
    wanted = net.state_dict()
    found = _shapes(source)
    for key in sorted(wanted.keys() | found.keys()):
        if key not in found:
            raise RunError(f'{source}: "{key}" is missing; these are weights of another network')
        if key not in wanted:
            raise RunError(
                f'{source}: "{key[:80]}" is unknown; these are weights of another network'
            )
        if list(wanted[key].shape) != found[key]:
            raise RunError(
                f'{source}: "{key}" is {found[key]}, and the network of config.yaml '
                f"needs {list(wanted[key].shape)}"
            )
    tensors = read_tensors(source)
    for key, value in tensors.items():
        if value.is_complex() or value.is_floating_point() != wanted[key].is_floating_point():
            raise RunError(f'{source}: "{key}" is {value.dtype}, not {wanted[key].dtype}')
    net.load_state_dict(tensors)


def _shapes(path: Path) -> dict[str, list[int]]:
    """Return the shapes that a file's header says; no numbers are read."""
    _check_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {key: list(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error})") from None

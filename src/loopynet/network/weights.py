"""Weights from safetensors files."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from loopynet.errors import RunError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return a safetensors file's tensors; raises RunError if it is missing or damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: cannot be read ({error})") from None


def load_weights(net: nn.Module, source: Path) -> None:
    """Load a safetensors file; raises RunError that names what does not fit."""
    tensors = read_tensors(source)
    wanted = net.state_dict()
    for key in sorted(wanted.keys() | tensors.keys()):
        if key not in tensors:
            raise RunError(f'{source}: "{key}" is missing; these are weights of another network')
        if key not in wanted:
            raise RunError(f'{source}: "{key}" is unknown; these are weights of another network')
        if wanted[key].shape != tensors[key].shape:
            raise RunError(
                f'{source}: "{key}" is {list(tensors[key].shape)}, and the network of config.yaml '
                f"needs {list(wanted[key].shape)}"
            )
    net.load_state_dict(tensors)

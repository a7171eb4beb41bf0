"""Where to compute."""

from __future__ import annotations

import torch


def best_device() -> torch.device:
    """Return the accelerator of this machine, or its CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")

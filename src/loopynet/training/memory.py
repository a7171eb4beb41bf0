"""How much memory training took."""

from __future__ import annotations

import sys

import torch


class PeakMemory:
    """Measures the most memory that was held since it was made, above what was held then.

    On a GPU it counts tensors. On a CPU it counts the whole process, so that what was freed before
    and is used again does not show.

    Args:
        device: where the network is trained.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self._before = _peak(device) if device.type == "cuda" else _resident()

    def used(self) -> int | None:
        """Return the bytes; None where the system does not say."""
        if self._before is None:
            return None
        peak = _peak(self._device)
        return None if peak is None else max(peak - self._before, 0)


def _peak(device: torch.device) -> int | None:
    """Return the most bytes held so far."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    high = _high_water()
    if high is not None:
        return high
    try:
        import resource
    except ImportError:  # Windows
        return None
    kilo = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo


def _high_water() -> int | None:
    """Return the most bytes that this program held; Linux only.

    getrusage counts what the program that started this one held, too.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123
            lines = [line.split() for line in file if line.startswith("VmHWM:")]
    except OSError:
        return None
    return int(lines[0][1]) * 1024 if lines else None


def _resident() -> int | None:
    """Return the bytes that this process holds now; Linux only."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            pages = int(file.read().split()[1])
    except OSError:
        return None
    import resource

    return pages * resource.getpagesize()

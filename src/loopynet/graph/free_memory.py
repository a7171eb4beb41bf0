"""How much memory this process can still have, without torch."""

from __future__ import annotations

from loopynet.graph.costs import machine_bytes


def free_bytes() -> int:
    """Return what is left for this process: limits of containers and processes count."""
    return max(0, min([machine_bytes(), *_available(), *_limited()]))


def _available() -> list[int]:
    """Return what Linux says is free or can be freed at once."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123
            lines = dict(line.split(":", 1) for line in file)
        return [int(lines["MemAvailable"].split()[0]) * 1024]
    except (OSError, KeyError, ValueError):
        return []


def _limited() -> list[int]:
    """Return what is left of the limits on this process's addresses and on its data."""
    try:
        import resource

        limits = {"VmSize": resource.RLIMIT_AS, "VmData": resource.RLIMIT_DATA}
        with open("/proc/self/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            held = dict(line.split(":", 1) for line in file)
        left = []
        for name, kind in limits.items():
            limit = resource.getrlimit(kind)[0]
            if limit != resource.RLIM_INFINITY:
                left.append(limit - int(held[name].split()[0]) * 1024)
        return left
    except (ImportError, OSError, KeyError, ValueError):
        return []

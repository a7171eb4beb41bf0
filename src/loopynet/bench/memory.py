"""The most bytes that were allocated at once."""

from __future__ import annotations

from collections.abc import Callable

import torch


def peak_allocated(work: Callable[[], object], device: torch.device) -> int:
    """Return the most bytes of tensors while `work` ran, above those that were there before.

    On a CPU every allocation and release that PyTorch's allocator reports is added up, so that the
    number is exact and does not depend on what else the machine does. What oneDNN keeps inside a
    kernel is not in it.

    Args:
        work: runs once.
        device: where it runs.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        work()
    events = profiled.profiler.kineto_results.events()
    changes = sorted(
        (event.start_ns(), number, event.nbytes())
        for number, event in enumerate(events)
        if event.name() == "[memory]"
    )
    live = most = 0
    for _, _, change in changes:
        live += change
        most = max(most, live)
    return most

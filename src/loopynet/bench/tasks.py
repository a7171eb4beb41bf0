"""What a worker can be told to do. Each task is an object; its methods are the commands.

Arguments and results are plain data, because they travel between processes as JSON.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from safetensors.torch import save_file

from loopynet.bench.contenders import LONG_RUN, Contender, build_contender
from loopynet.bench.memory import peak_allocated
from loopynet.graph import costs
from loopynet.training.memory import PeakMemory
from loopynet.training.steps import wait
from loopynet.zoo import load_spec

WARM_STEPS = 5
UNSETTLED = 2
"""The first steps, in which torch.compile may compile."""


class Task(Protocol):
    """Anything that can be timed."""

    def warm(self) -> dict[str, float]:
        """Run until nothing is left to prepare; returns `seconds` of a step and of compiling."""

    def run(self, steps: int) -> float:
        """Return the seconds that so many steps took."""


class Steps:
    """Training steps, or answers, of one contender.

    Args:
        contender: its name.
        network: a zoo name or a file.
        changes: of its spec.
        batch: images per step.
        device: where it runs.
        mode: train or infer.
        images: training images that the library is told of.
    """

    def __init__(
        self,
        *,
        contender: str,
        network: str,
        changes: Sequence[str],
        batch: int,
        device: str,
        mode: str = "train",
        images: int = LONG_RUN,
    ) -> None:
        self.device = torch.device(device)
        spec = load_spec(network, (*changes, f"training.batch_size={batch}"))
        self.contender: Contender = build_contender(
            contender, spec, batch, self.device, training=mode == "train", images=images
        )
        self.mode = mode
        module = self.contender.module
        self._first = {key: value.clone() for key, value in module.state_dict().items()}
        self._made: dict[int | None, Callable[[], None]] = {}

    def _step(self, unrolls: int | None) -> Callable[[], None]:
        if self.mode == "infer":
            return self.contender.infer
        if unrolls not in self._made:
            self._made[unrolls] = self.contender.step(unrolls)
        return self._made[unrolls]

    def warm(self) -> dict[str, float]:
        """Compile and settle; what the first steps take above later ones is compiling."""
        step = self._step(None)
        taken = [_seconds(step, self.device) for _ in range(WARM_STEPS)]
        later = statistics.median(taken[UNSETTLED:])
        compiling = self.contender.prepared + sum(taken[:UNSETTLED]) - UNSETTLED * later
        return {"seconds": later, "compile_seconds": max(compiling, 0.0)}

    def run(self, steps: int, unrolls: int | None = None) -> float:
        """Return the seconds that so many steps took."""
        step = self._step(unrolls)

        def several() -> None:
            for _ in range(steps):
                step()

        return _seconds(several, self.device)

    def answer(self, file: str) -> None:
        """Write the first weights' logits and gradients to a safetensors file, and keep them.

        After training steps rounding errors have grown, and answers would differ.
        """
        self.contender.module.load_state_dict(self._first)
        save_file(self.contender.answer(), file)

    def multiply_adds(self) -> int:
        """Return those of one image's forward pass, over all unrolls."""
        return costs(self.contender.origin.graph).multiply_adds

    def peak(self, unrolls: int | None = None, small_first: bool = True) -> dict[str, int | None]:
        """Return the most bytes of one forward and backward pass, above weights and optimizer.

        `resident` is what the process grew by. It must be a fresh one: memory that was used and
        freed before would not show.

        Args:
            unrolls: of the pass; the spec's if None.
            small_first: run one image first, which loads what kernels need. Not for compiled
                networks, which would compile for it, too; their resident bytes count the compiler.
        """
        work = self.contender.passes(unrolls)
        whole = self.contender.images, self.contender.labels
        if small_first:
            self.contender.images, self.contender.labels = (part[:1] for part in whole)
            work()
            self.contender.images, self.contender.labels = whole
        resident = PeakMemory(self.device)
        work()
        used = resident.used()
        return {"resident": used, "allocated": peak_allocated(work, self.device)}


class Product:
    """Matrix products, which show what the machine can do.

    Args:
        size: of the square matrices, float32.
        device: where they are.
    """

    def __init__(self, *, size: int, device: str) -> None:
        self.device = torch.device(device)
        self.one = torch.randn(size, size, device=self.device)
        self.other = torch.randn(size, size, device=self.device)
        self.result = torch.empty_like(self.one)

    def warm(self) -> dict[str, float]:
        """Run twice."""
        self.run(1)
        return {"seconds": self.run(1), "compile_seconds": 0.0}

    def run(self, steps: int) -> float:
        """Return the seconds that so many products took."""

        def several() -> None:
            for _ in range(steps):
                torch.mm(self.one, self.other, out=self.result)

        return _seconds(several, self.device)


TASKS: dict[str, Callable[..., Any]] = {"steps": Steps, "product": Product}


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began

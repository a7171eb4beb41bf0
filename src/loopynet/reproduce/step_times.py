"""How long a training step takes, networks side by side.

The seconds per epoch of separate runs depend on what else the machine does at the time. Here the
networks take turns, so that such changes meet all of them, and the ratios can be trusted.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from loopynet.errors import RunError
from loopynet.foreign import read_json
from loopynet.network import LoopyNet
from loopynet.spec import NetworkSpec
from loopynet.spec.write import resolved_document
from loopynet.statistics import ratio
from loopynet.training.steps import make_fast, random_batch, training_step, wait

ROUNDS = 7
IMAGES = 20_000
"""Training images of the run that a step is taken from: what makes it fast depends on them."""


@dataclass(frozen=True)
class StepTimes:
    """Seconds of a training step.

    Attributes:
        batch_size: images per step.
        device: where the steps ran.
        threads: of torch.
        seconds: by network, one value for each round.
        networks: stands for their specs; see `digest`. Empty in files that do not say.
    """

    batch_size: int
    device: str
    threads: int
    seconds: dict[str, list[float]]
    networks: str = ""

    def ratio(self, one: str, other: str) -> float:
        """Return the median over the rounds of one network's time over the other's."""
        return ratio(self.seconds[one], self.seconds[other]).median

    def ratio_range(self, one: str, other: str) -> tuple[float, float]:
        """Return the lowest and the highest of the rounds' ratios."""
        found = ratio(self.seconds[one], self.seconds[other])
        return found.low, found.high

    @classmethod
    def read(cls, path: Path) -> StepTimes:
        """Return what `plain` gave and a JSON file holds; raises RunError if it is damaged."""
        try:
            return TypeAdapter(cls).validate_python(read_json(path))
        except ValidationError as error:
            reason = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise RunError(f"{path}: is damaged ({reason}); delete it to measure again") from None

    def plain(self) -> dict[str, Any]:
        """Return the same as JSON-able data."""
        return asdict(self)


def measure_step_times(
    specs: Mapping[str, NetworkSpec], device: torch.device, rounds: int = ROUNDS
) -> StepTimes:
    """Time training steps on random images, the networks in turn, after a warm-up step each.

    Args:
        specs: the networks by the name that the result uses; all of one batch size.
        device: where to run.
        rounds: how often each is timed.
    """
    size = next(iter(specs.values())).training.step_images
    steps = {name: _step(spec, device, size) for name, spec in specs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in specs}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            wait(device)
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return StepTimes(size, str(device), torch.get_num_threads(), seconds, digest(specs))


def digest(specs: Mapping[str, NetworkSpec]) -> str:
    """Return a text that is equal for equal networks and trainings only, whatever their seeds."""
    documents = {name: resolved_document(spec) for name, spec in specs.items()}
    for document in documents.values():
        del document["training"]["seed"]
    return hashlib.sha256(json.dumps(documents, sort_keys=True).encode()).hexdigest()[:16]


def _step(spec: NetworkSpec, device: torch.device, size: int) -> Callable[[], None]:
    """Return a function that does one training step."""
    torch.manual_seed(0)
    net = LoopyNet(spec).to(device)
    optimizer = make_fast(net, device, IMAGES)
    images, labels = random_batch(net.graph, size, device)
    return training_step(net, optimizer, images, labels, spec.loss.steps)

"""Who is timed: ours, the networks written by hand, the deep control, torchdeq."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from loopynet.bench.plain import equilibrium_copy, named_gradients, plain_copy
from loopynet.network import LoopyNet
from loopynet.network.loss import loss_over_time
from loopynet.spec import NetworkSpec
from loopynet.training.steps import make_fast, random_batch, training_step

CONTENDERS = {
    "ours": "this library with its defaults, as a long training run uses them",
    "eager": "written by hand in plain PyTorch, as it is",
    "compiled": "written by hand, channels last, compiled whole with torch.compile",
    "untied": "ours with a copy of the weights for each unroll: the deep control",
    "torchdeq": "written by hand, run to convergence by torchdeq",
}
"""Every contender by its name in the settings of a cell."""

LONG_RUN = 40_000
"""Training images of the published CIFAR-10 runs."""
SHORT_RUN = 1
"""So few that nothing is compiled."""


@dataclass(eq=False)
class Contender:
    """A network that is ready to be timed.

    Attributes:
        call: gives logits [N, classes] for images [N, C, H, W].
        module: holds the weights.
        origin: the tied LoopyNet that every contender takes its weights from.
        images: [N, C, H, W], the same for every contender.
        labels: [N].
        optimizer: of the module's parameters.
        prepared: seconds that it took to make it fast, before the first step.
    """

    call: Callable[..., Tensor]
    module: nn.Module
    origin: LoopyNet
    images: Tensor
    labels: Tensor
    optimizer: Optimizer
    prepared: float = 0.0

    def step(self, unrolls: int | None = None) -> Callable[[], None]:
        """Return a function that does one training step, of so many unrolls."""
        loss = self.origin.spec.loss.steps
        return training_step(self._call(unrolls), self.optimizer, self.images, self.labels, loss)

    def passes(self, unrolls: int | None = None) -> Callable[[], None]:
        """Return a function that goes forward and back, and leaves no gradients."""
        call, loss = self._call(unrolls), self.origin.spec.loss.steps

        def there_and_back() -> None:
            torch.autograd.backward(loss_over_time(call(self.images), self.labels, loss))
            self.optimizer.zero_grad()

        return there_and_back

    def infer(self) -> None:
        """Answer the images, and keep nothing."""
        with torch.no_grad():
            self.call(self.images)

    def _call(self, unrolls: int | None) -> Callable[[Tensor], Tensor]:
        return self.call if unrolls is None else partial(self.call, unrolls=unrolls)

    def answer(self) -> dict[str, Tensor]:
        """Return the logits and, by the names of ours, the gradients; no gradients if it infers."""
        if not self.module.training:
            with torch.no_grad():
                return {"logits": self.call(self.images).cpu()}
        self.optimizer.zero_grad()  # a timed step leaves its gradients
        logits = self.call(self.images)
        torch.autograd.backward(loss_over_time(logits, self.labels, self.origin.spec.loss.steps))
        found = named_gradients(self.module, self.origin) | {"logits": logits.detach()}
        self.optimizer.zero_grad()
        return {name: value.detach().cpu().contiguous() for name, value in found.items()}


def build_contender(
    name: str,
    spec: NetworkSpec,
    batch: int,
    device: torch.device,
    *,
    training: bool = True,
    images: int = LONG_RUN,
) -> Contender:
    """Return a contender with the weights that seed 0 gives, whatever its name.

    Args:
        name: one of CONTENDERS.
        spec: the tied network.
        batch: images per step.
        device: where it runs.
        training: whether it will be trained, or only answers.
        images: training images that the library is told of: a long run is worth compiling.

    Raises:
        SpecError: the network has no counterpart written by hand.
        ImportError: torchdeq is not installed.
    """
    torch.manual_seed(0)
    origin = LoopyNet(spec).to(device).train(training)
    x, labels = random_batch(origin.graph, batch, device)
    if name in ("ours", "untied"):
        net = origin if name == "ours" else origin.untie()
        began = time.perf_counter()
        optimizer = make_fast(net, device, images)
        return Contender(net, net, origin, x, labels, optimizer, time.perf_counter() - began)
    if name == "torchdeq":
        stop = spec.unroll
        other: nn.Module = equilibrium_copy(origin, stop.tolerance, stop.max_steps)
    else:
        other = plain_copy(origin)
    other.train(training)
    call: Callable[[Tensor], Tensor] = other
    if name == "compiled":
        other.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        x = x.contiguous(memory_format=torch.channels_last)
        # For the size at hand: after another batch size torch compiles for any, which is slower.
        call = torch.compile(other, dynamic=False)
    optimizer = Adam(other.parameters(), spec.training.learning_rate)
    return Contender(call, other, origin, x, labels, optimizer)

"""Numbers that are no longer finite: found at the first step, and named by layer and unroll."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import lightning
import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from loopynet.errors import LoopyNetWarning, RunError
from loopynet.network import LoopyNet
from loopynet.network.loss import loss_over_time
from loopynet.training.module import LoopyModule
from loopynet.training.workers import holds_everywhere

MOST_SKIPPED = 20
"""Steps in a row that `training.nonfinite: skip` leaves out; more will not get better."""


@dataclass(frozen=True)
class Culprit:
    """Where numbers stopped being finite.

    Attributes:
        what: "activation" or "gradient".
        where: layer or merge and unroll, such as conv_2@3; "loss" if all before it is finite.
        reached: the largest absolute value of what was computed just before.
    """

    what: str
    where: str
    reached: float

    def __str__(self) -> str:
        if self.where == "loss":
            return "all activations are finite"
        before = f"; what came before it reached {self.reached:.3g}"
        return f"the first {self.what} that is not finite is that of {self.where}{before}"


class StopDivergence(lightning.Callback):
    """Looks at the loss and the gradient of every step before the weights change.

    That costs a norm of the gradient. What made them infinite is looked for only when they are: the
    batch is run again, with the same random numbers, and everything recorded.

    Args:
        net: the network.
        skip: leave such steps out, instead of ending the run.
    """

    def __init__(self, net: LoopyNet, *, skip: bool) -> None:
        self.net, self.skip = net, skip
        self.skipped = self.in_a_row = 0
        self._random: Tensor | None = None
        self._buffers: dict[str, Tensor] = {}
        self._batch: tuple[Tensor, Tensor] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the steps left out, which Lightning keeps in the checkpoint."""
        return {"skipped": self.skipped, "in_a_row": self.in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the steps of a checkpoint."""
        self.skipped, self.in_a_row = state_dict["skipped"], state_dict["in_a_row"]

    def on_train_batch_start(
        self, trainer: lightning.Trainer, _: lightning.LightningModule, batch: Any, *__: object
    ) -> None:
        """Keep what is needed to run the batch again."""
        self._batch = batch
        self._random = torch.get_rng_state()
        if self.skip:
            self._buffers = {name: b.clone() for name, b in self.net.named_buffers()}

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, any_: lightning.LightningModule, optimizer: Optimizer
    ) -> None:
        """End the run, or leave the step out, if the loss or a gradient is not finite."""
        module = cast(LoopyModule, any_)
        if module.evolves or trainer.precision == "16-mixed":  # the first has no gradient, the
            return  # second meets infinite ones as a matter of course, and scales them down
        grads = [p.grad for p in self.net.parameters() if p.grad is not None]
        sound = torch.isfinite(module.loss) & torch.isfinite(get_total_norm(grads))
        if holds_everywhere(sound, trainer.world_size):
            self.in_a_row = 0
            return
        if self.skip and self.in_a_row < MOST_SKIPPED:
            self.skipped, self.in_a_row = self.skipped + 1, self.in_a_row + 1
            optimizer.zero_grad(set_to_none=True)  # no parameter changes without a gradient
            for name, buffer in self.net.named_buffers():
                buffer.copy_(self._buffers[name])
            return
        raise RunError(self._message(trainer, module))

    def on_train_epoch_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Say how many steps were left out."""
        if self.skipped:
            text = (
                f"epoch {trainer.current_epoch + 1}: left out {self.skipped} steps whose loss or "
            )
            warnings.warn(
                f"{text}gradient was not finite", LoopyNetWarning, stacklevel=1
            )  # not in Lightning
        self.skipped = 0

    def _message(self, trainer: lightning.Trainer, module: LoopyModule) -> str:
        loss = float(module.loss)
        place = f"epoch {trainer.current_epoch + 1}, step {trainer.global_step + 1:,}"
        said = f"the loss became {loss} in {place}"
        if torch.isfinite(module.loss):
            said = f"the gradient became infinite in {place}, with a loss of {loss:.4g}"
        assert self._batch is not None
        if self._random is not None:
            torch.set_rng_state(self._random)
        found = find_culprit(self.net, *self._batch, unrolls=module.unrolls)
        again = f" (left out {self.in_a_row} steps before it)" if self.in_a_row else ""
        return (
            f"{said}{again}: {found}; try a smaller training.learning_rate or "
            "training.gradient_clip_norm (multiplying loops grow fast); the last checkpoint stays"
        )


def find_culprit(net: LoopyNet, x: Tensor, labels: Tensor, unrolls: int | None = None) -> Culprit:
    """Return the first activation of a batch that is not finite, or else the first gradient.

    Gradients are followed from the loss backwards. A network that runs to convergence is run for
    its fixed number of unrolls.

    Args:
        net: the network, in the mode in which it diverged.
        x: images [N, C, H, W].
        labels: [N], or maps of them.
        unrolls: the spec's if None.
    """
    told: dict[str, Tensor] = {}
    steps = unrolls or net.graph.steps
    logits = net(x, unrolls=steps, record=told.__setitem__)
    reached = float(x.abs().max())
    for name, value in told.items():
        if not bool(torch.isfinite(value).all()):
            return Culprit("activation", name, reached)
        reached = float(value.detach().abs().max())
    loss = loss_over_time(logits, labels, net.spec.loss.steps)
    found = next(_bad_gradients(loss, told), None)
    return found or Culprit("activation", "loss", reached)


def _bad_gradients(loss: Tensor, told: dict[str, Tensor]) -> Iterator[Culprit]:
    names = [name for name, value in told.items() if value.requires_grad]
    if not (names and loss.requires_grad):
        return
    grads = torch.autograd.grad(loss, [told[name] for name in names], allow_unused=True)
    reached = 1.0
    for name, grad in reversed(list(zip(names, grads, strict=True))):
        if grad is None:
            continue
        if not bool(torch.isfinite(grad).all()):
            yield Culprit("gradient", name, reached)
        reached = float(grad.abs().max())

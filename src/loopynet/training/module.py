"""The LightningModule: one step of training or validation, and the optimizer."""

from __future__ import annotations

from typing import Any, cast

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer, lr_scheduler
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from loopynet.modules.gradient import Truncated
from loopynet.network import LoopyNet
from loopynet.network.loss import IGNORED, loss_over_time
from loopynet.parts.optimizers import schedules
from loopynet.spec import TrainingSpec, to_yaml
from loopynet.training.mean import MeanOverImages
from loopynet.training.speed import build_optimizer
from loopynet.training.workers import same_for_all, share_of_mean

MEANS = "loopynet_means"
"""The key of a checkpoint under which the means of an unfinished epoch are."""
CONFIG = "loopynet_config"
"""The key under which the config is that the run has been trained with."""


class LoopyModule(lightning.LightningModule):
    """A LoopyNet with its loss and optimizer, for any Lightning Trainer.

    Logs `train_loss`, `train_accuracy`, `validation_loss` and `validation_accuracy` per epoch; the
    accuracies are those of the last unroll. With label maps they are over labeled positions.

    Args:
        net: the network.
        fused: whether the optimizer changes all weights in one piece of work, if it can.
        steps: of an epoch, for schedules by step; by default the trainer is asked, which makes it
            prepare the data before a checkpoint within an epoch says where to begin.

    Attributes:
        unrolls: of the next training step; None for the spec's. `VaryUnrolls` sets it.
        loss: of the last training step.
    """

    unrolls: int | None
    loss: Tensor

    def __init__(self, net: LoopyNet, fused: bool = False, steps: int | None = None) -> None:
        super().__init__()
        self.net, self.fused, self.steps = net, fused, steps
        self.unrolls = None
        classes, *grid = net.graph.output_shape
        ignored = IGNORED if grid else None  # looking for it costs a little time
        self.accuracies = nn.ModuleDict(
            {
                part: MulticlassAccuracy(classes, average="micro", ignore_index=ignored)
                for part in ("fit", "validation")
            }
        )
        losses = {part: MeanOverImages() for part in ("fit", "validation")}
        self.losses = nn.ModuleDict(losses)

    @property
    def options(self) -> TrainingSpec:
        """The training section of the network's spec."""
        return self.net.spec.training

    @property
    def workers(self) -> int:
        """Processes that train together; 1 without a trainer."""
        return 1 if self._trainer is None else self._trainer.world_size

    @property
    def evolves(self) -> bool:
        """Whether the optimizer works without gradients."""
        return self.options.optimizer.name == "evolution"

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's logits for x [N, C, H, W]."""
        logits: Tensor = self.net(x)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Return the loss of a batch: images [N, C, H, W], labels [N] or maps of them."""
        with torch.set_grad_enabled(not self.evolves):
            loss = self._step(batch, "fit", "train", self.options.label_smoothing)
        self.loss = loss.detach()
        return loss * share_of_mean(len(batch[0]), self.workers, loss.device)

    def on_train_epoch_start(self) -> None:
        """Forget the means of the epoch before; not called for an epoch that is continued."""
        for mean in self._means().values():
            mean.reset()

    def on_validation_epoch_start(self) -> None:
        """Begin the mean anew: what Trainer.validate leaves cannot be changed within a fit."""
        cast(MeanOverImages, self.losses["validation"]).reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the config, and the epoch's means so far over all workers."""
        checkpoint[CONFIG] = to_yaml(self.net.spec, resolved=True)
        checkpoint[MEANS] = {}
        for name, mean in self._means().items():
            with mean.sync_context(should_sync=self.workers > 1):
                state = mean.metric_state.items()
                checkpoint[MEANS][name] = {key: cast(Tensor, value).clone() for key, value in state}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the means of a checkpoint: in process 0, for the workers' are added up."""
        if self.global_rank:
            return
        for name, mean in self._means().items():
            for key, value in checkpoint.get(MEANS, {}).get(name, {}).items():
                setattr(mean, key, value.to(mean.device))

    def _means(self) -> dict[str, Metric]:
        """Return the running loss and accuracy of the training images."""
        parts = {"loss": self.losses["fit"], "accuracy": self.accuracies["fit"]}
        return cast(dict[str, Metric], parts)

    def backward(self, loss: Tensor, *_: Any, **__: Any) -> None:
        """Compute the gradients, unless the optimizer needs none."""
        if not self.evolves:
            loss.backward()  # type: ignore[no-untyped-call]

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor | None:
        """Return the loss of a batch, without label smoothing; None if it has no images.

        Of a last batch with fewer images than there are workers, some have none.
        """
        if not len(batch[0]):
            self._log_means("validation", "validation", 0)
            return None
        return self._step(batch, "validation", "validation", 0.0)

    def _step(
        self, batch: tuple[Tensor, Tensor], part: str, prefix: str, smoothing: float
    ) -> Tensor:
        x, labels = batch
        logits = self.net(x, unrolls=self.unrolls if part == "fit" else None)
        loss = loss_over_time(logits, labels, self.net.spec.loss.steps, smoothing)
        share = self.net.spec.loss.progressive if part == "fit" and self.net.graph.loops else 0.0
        if share:
            loss = (1 - share) * loss + share * self._progressive_loss(x, labels, smoothing)
        accuracy = cast(MulticlassAccuracy, self.accuracies[part])
        mean = cast(MeanOverImages, self.losses[part])
        if part != "fit" or not self._left_out(loss):
            mean.update(loss.detach(), len(x))
            accuracy.update(logits if logits.dim() == labels.dim() + 1 else logits[-1], labels)
        self._log_means(part, prefix, len(x))
        return loss

    def _log_means(self, part: str, prefix: str, count: int) -> None:
        """Let the trainer have the means over the epoch, of all workers."""
        mean, accuracy = (cast(Metric, kind[part]) for kind in (self.losses, self.accuracies))
        options: dict[str, Any] = {"on_epoch": True, "on_step": False, "batch_size": count}
        self.log(f"{prefix}_loss", mean, **options)
        self.log(f"{prefix}_accuracy", accuracy, prog_bar=True, **options)

    def _left_out(self, loss: Tensor) -> bool:
        """Say whether a training loss counts neither in the weights nor in the epoch's means.

        To an evolution strategy it is a candidate that is worse than all others.
        """
        leaves_out = self.options.nonfinite == "skip" or self.evolves
        return leaves_out and not bool(torch.isfinite(loss))

    def _progressive_loss(self, x: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        """Return the loss after a random number of unrolls, of which only the last m count.

        The network starts from what n unrolls without a gradient made, and has to get further in m
        more (Bansal et al. 2022, algorithm 1). With k unrolls in all, n is uniform below k, and m
        from 1 to k - n.
        """
        graph = self.net.graph
        least, most = graph.first_readout - 1, self.unrolls or graph.steps
        n = int(torch.randint(least, max(most, least + 1), ()))
        m = int(torch.randint(1, max(most - n, 1) + 1, ()))
        n, m = same_for_all(n, m, workers=self.workers, device=x.device)
        logits = self.net(x, unrolls=n + m, gradient=Truncated(m), readout="last")
        return loss_over_time(logits, labels, "last", smoothing)

    def configure_gradient_clipping(self, optimizer: Optimizer, *_: Any, **__: Any) -> None:
        """Clip the gradients as the spec says: by their whole norm, by value, or both."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if self.options.gradient_clip_norm is not None:
            clip_grad_norm_(parameters, self.options.gradient_clip_norm)
        if self.options.gradient_clip_value is not None:
            clip_grad_value_(parameters, self.options.gradient_clip_value)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the spec's optimizer and learning-rate schedule."""
        optimizer = build_optimizer(self.net, self.fused)
        every = self.options.schedule_every
        each = 1
        if every == "step":
            each = self.steps or self._steps_of_trainer()
        schedule = build_schedule(self.options, optimizer, each)
        if schedule is None:
            return {"optimizer": optimizer}
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": schedule,
                "interval": every,
                "monitor": "validation_loss",
            },
        }

    def _steps_of_trainer(self) -> int:
        """Return the steps of an epoch that the trainer counts; at least 1."""
        return max(int(self.trainer.estimated_stepping_batches) // self.options.epochs, 1)


def build_schedule(
    options: TrainingSpec, optimizer: Optimizer, each: int = 1
) -> lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau | None:
    """Return the schedule over epochs or steps, after a linear warm-up if the spec asks for one.

    Args:
        options: the training section.
        optimizer: whose rate it changes.
        each: changes of the rate in an epoch: 1, or its steps.
    """
    warmup = each * options.warmup_epochs
    rest = max(each * options.epochs - warmup, 1)
    schedule = schedules.call(options.learning_rate_schedule, optimizer, rest)
    if not warmup:
        return schedule  # type: ignore[no-any-return]
    rise = lr_scheduler.LinearLR(optimizer, 1 / (warmup + 1), 1.0, warmup)
    if schedule is None:
        return rise
    return lr_scheduler.SequentialLR(optimizer, [rise, schedule], [warmup])

"""What happens beside the training steps: the table of epochs, exact seeds, messages."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor

from loopynet.data.seeds import mix
from loopynet.errors import RunError
from loopynet.parts.unrollings import unrollings
from loopynet.run import RunFolder
from loopynet.spec import NetworkSpec

COLUMNS = (
    "epoch",
    "step",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "seconds",
)
"""The columns of metrics.csv; `seconds` is the time since the epoch began, validation included."""


Row = dict[str, float | int | str]
"""A row of metrics.csv; an empty text where there is no figure."""


class SeedEpochs(lightning.Callback):
    """Seeds torch at the start of each epoch from the run's seed and the epoch's number.

    With checkpoints within an epoch it does so at each, from the number of the batch, too. A run
    that is continued from a checkpoint thus draws what it would have drawn.

    Args:
        seed: of the run.
        every: steps between checkpoints within an epoch; None if there are none.
    """

    def __init__(self, seed: int, every: int | None = None) -> None:
        self.seed, self.every = seed, every
        self.done = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the steps that are done of the epoch, which Lightning keeps in the checkpoint."""
        return {"done": self.done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the number of a checkpoint."""
        self.done = state_dict["done"]

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Seed what is left of an epoch that is continued."""
        if self.done:
            self._seed(trainer)

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, _: lightning.LightningModule
    ) -> None:
        """Seed the epoch; not called for one that is continued."""
        self.done = 0
        self._seed(trainer)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """Seed what comes after a checkpoint: augmentation draws before the next step begins."""
        self.done += 1
        if self.every and self.done % self.every == 0:
            self._seed(trainer)

    def _seed(self, trainer: lightning.Trainer) -> None:
        """Seed torch; each process draws numbers of its own."""
        seed = mix(self.seed, trainer.current_epoch)
        torch.manual_seed((mix(seed, self.done) if self.done else seed) + trainer.global_rank)


class VaryUnrolls(lightning.Callback):
    """Sets the unrolls of each training step as `training.unrolls` says.

    The number depends on the seed and the number of the step alone, so that a resumed run draws
    what it would have drawn.

    Args:
        spec: the network's description.
        seed: that of the training section if None.
    """

    def __init__(self, spec: NetworkSpec, seed: int | None = None) -> None:
        self.count = unrollings.call(spec.training.unrolls)
        self.steps = spec.unroll.steps
        self.seed = spec.training.seed if seed is None else seed

    def on_train_batch_start(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: object
    ) -> None:
        """Set the number of unrolls."""
        progress = trainer.global_step / trainer.estimated_stepping_batches
        draw = np.random.default_rng((self.seed, trainer.global_step)).random()
        module.unrolls = self.count(self.steps, progress, draw)


class KeepBest(lightning.Callback):
    """Keeps the weights of the epoch with the best validation accuracy, the first of equals.

    Args:
        run: the folder; the weights are `checkpoints/best.safetensors` in it.
        weights: gives them.
    """

    FILE = "checkpoints/best.safetensors"

    def __init__(self, run: RunFolder, weights: Callable[[], dict[str, Tensor]]) -> None:
        self.run, self.weights = run, weights
        self.best = -1.0

    def state_dict(self) -> dict[str, Any]:
        """Return the best accuracy, which Lightning keeps in the checkpoint."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the best accuracy of a checkpoint."""
        self.best = state_dict["best"]

    def on_train_epoch_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Keep the weights if they are the best so far; validation has run already."""
        accuracy = float(trainer.callback_metrics["validation_accuracy"])
        if accuracy > self.best:
            self.best = accuracy
            if trainer.is_global_zero:
                self.run.write_tensors(self.FILE, self.weights())


class StayStopped(lightning.Callback):
    """Keeps a run from going on if it was killed after it had stopped early, before it was scored.

    Args:
        stopping: what stopped it; a checkpoint holds its state.
    """

    def __init__(self, stopping: EarlyStopping) -> None:
        self.stopping = stopping

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Stop before another epoch."""
        if self.stopping.stopped_epoch:
            trainer.should_stop = True


class EpochTable(lightning.Callback):
    """Writes metrics.csv after each epoch, and says a line.

    Args:
        run: the folder to write to.
        say: called with one line per epoch.
        watch: called with each row; what it raises ends the run.
    """

    def __init__(
        self, run: RunFolder, say: Callable[[str], None], watch: Callable[[Row], None]
    ) -> None:
        self.run, self.say, self.watch = run, say, watch
        self.rows: list[Row] = []
        self._began = self._rate = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the rows and what is known of the next, which Lightning keeps."""
        elapsed = time.perf_counter() - self._began
        return {"rows": self.rows, "rate": self._rate, "elapsed": elapsed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what a checkpoint has; those of version 0.1 have rows alone."""
        self.rows = list(state_dict["rows"])
        self._rate = state_dict.get("rate", 0.0)
        self._began = time.perf_counter() - state_dict.get("elapsed", 0.0)

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, _: lightning.LightningModule
    ) -> None:
        """Note the time and the learning rate, which the schedule changes at the epoch's end."""
        self._began = time.perf_counter()
        self._rate = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Add the epoch's row; validation has run already."""
        row = self._row(trainer)
        self.rows.append(row)
        if trainer.is_global_zero:
            self._write()
            self.say(_line(row, trainer.max_epochs or 0))
        if not np.isfinite(row["train_loss"]):
            raise RunError(
                f"the loss became {row['train_loss']} in epoch {row['epoch']}; try a smaller "
                "training.learning_rate or training.gradient_clip_norm (multiplying loops grow "
                "fast)"
            )
        self.watch(row)

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        self.run.write_text("metrics.csv", text.getvalue())

    def _row(self, trainer: lightning.Trainer) -> Row:
        row: Row = dict.fromkeys(COLUMNS, "")
        for name, value in trainer.callback_metrics.items():
            if name in row:
                row[name] = float(value)
        row["epoch"] = trainer.current_epoch + 1
        row["step"] = trainer.global_step
        row["learning_rate"] = self._rate
        row["seconds"] = round(time.perf_counter() - self._began, 3)
        return row


def _line(row: Row, epochs: int) -> str:
    parts = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"]
    for part in ("train", "validation"):
        loss, accuracy = row[f"{part}_loss"], row[f"{part}_accuracy"]
        if loss != "":
            parts.append(f"{part} loss {loss:.4f}, accuracy {100 * float(accuracy):.2f} %")
    return "  ".join([*parts, f"{row['seconds']:.1f} s"])

"""One live progress bar for a whole training run, below the lines of its epochs."""

from __future__ import annotations

from typing import Any

import lightning
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressBar(lightning.Callback):
    """Shows the epoch, the batches of the run that are done, and the time that is left.

    It draws on the console that prints the epochs' lines: two writers would tear each other's.

    Args:
        console: where to draw.
    """

    def __init__(self, console: Console) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("batches, left:"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Draw the bar."""
        total = (trainer.max_epochs or 1) * int(trainer.num_training_batches)
        self.task = self.bar.add_task("", total=total, completed=trainer.global_step)
        self.bar.start()

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, _: lightning.LightningModule
    ) -> None:
        """Name the epoch."""
        name = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self.bar.update(self.task, description=name)

    def on_train_batch_end(self, *_: Any) -> None:
        """Move on by a batch."""
        self.bar.advance(self.task)

    def on_train_end(self, *_: Any) -> None:
        """Remove the bar."""
        self.bar.stop()

    def on_exception(self, *_: Any) -> None:
        """Remove the bar."""
        self.bar.stop()

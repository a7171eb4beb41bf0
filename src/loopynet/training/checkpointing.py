"""Lightning's checkpoints in files of ours, and which of them a run goes on from."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from loopynet.errors import LoopyNetWarning, RunError, SpecError
from loopynet.run import RunFolder
from loopynet.run.checkpoints import checkpoints, is_whole, write_checkpoint
from loopynet.spec import NetworkSpec, parse_spec
from loopynet.spec.write import resolved_document
from loopynet.training.module import CONFIG

OLD_NAME = "last.ckpt"
"""What version 0.1 called its one checkpoint."""

MAY_CHANGE = (
    "training.device", "training.speed", "training.too_large", "training.nonfinite",
    "training.keep", "training.early_stopping", "training.checkpoint_every", "training.weights",
    "training.whiten", "data.streaming",
)  # fmt: skip
"""Keys of a config that decide nothing that a checkpoint holds, or that was for its beginning."""

OPEN_ENDED = ("constant", "step", "multi_step", "exponential", "plateau")
"""Schedules that do not depend on how many epochs there will be."""


class CheckpointFiles(TorchCheckpointIO):
    """Writes each checkpoint whole, under a name of its own, beside the one before it."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint into the folder of `path`."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_checkpoint(Path(path).parent, checkpoint["global_step"], buffer.getvalue())

    def remove_checkpoint(self, path: str | Path) -> None:
        """Do nothing: old ones are removed when a new one is written."""


class CheckpointSteps(lightning.Callback):
    """Writes checkpoints within an epoch.

    Args:
        folder: where they lie.
        every: steps of an epoch between two.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: object) -> None:
        """Let an epoch that is continued end as any other.

        Lightning leaves out the plateau schedule at the end of an epoch that it thinks of as still
        being restarted.
        """
        trainer.fit_loop.restarting = False

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        _: lightning.LightningModule,
        __: Any,
        ___: Any,
        batch_idx: int,
    ) -> None:
        """Write a checkpoint, unless the one of the epoch's end is next."""
        if (batch_idx + 1) % self.every == 0 and not trainer.is_last_batch:
            trainer.save_checkpoint(self.folder / "last.ckpt")


def newest_checkpoint(run: RunFolder) -> Path | None:
    """Return the newest checkpoint that is whole; None if the run has none at all.

    A damaged one is named in a warning, and the one before it is taken.

    Raises:
        RunError: there are some, and all are damaged.
    """
    folder = run.path / "checkpoints"
    damaged: list[str] = []
    for file in (*checkpoints(folder), *filter(Path.is_file, [folder / OLD_NAME])):
        reason = _damage(file)
        if not reason:
            for other in damaged:
                text = f"{other}: the checkpoint is damaged; going on from {file.name} before it"
                warnings.warn(text, LoopyNetWarning, stacklevel=3)
            return file
        damaged.append(f"{file} ({reason})")
    if damaged:
        raise RunError(
            f"{damaged[0]}: the checkpoint cannot be read, and there is no whole one before it; "
            "delete it to start the run again"
        )
    return None


def check_config(run: RunFolder, checkpoint: Path, spec: NetworkSpec) -> None:
    """Raise RunError if config.yaml says something else than the run was trained with.

    The checkpoint brings its weights, learning rate and schedule with it: the change would be
    without effect, or would break off. Checkpoints of version 0.1 do not say.

    Args:
        run: the run.
        checkpoint: of which it goes on.
        spec: that of config.yaml now.
    """
    kept = torch.load(checkpoint, weights_only=True, mmap=True)
    text = kept.get(CONFIG) if isinstance(kept, dict) else None
    if not isinstance(text, str):
        return
    try:
        began = parse_spec(text)
    except SpecError:  # keys that this version has no more
        return
    may: tuple[str, ...] = MAY_CHANGE
    if spec.training.learning_rate_schedule.name in OPEN_ENDED:
        may = (*may, "training.epochs")
    for key, then, now in _changes(resolved_document(began), resolved_document(spec)):
        if not any(key == one or key.startswith(f"{one}.") for one in may):
            raise RunError(
                f"{run.path / 'config.yaml'}: {key} is {now}, and the run has been trained with "
                f"{then}; change it back, or train the config as a new run"
            )


def _changes(then: Any, now: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the keys whose values differ, with both."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in (*then, *(name for name in now if name not in then)):
            path = f"{key}.{name}" if key else name
            yield from _changes(then.get(name), now.get(name), path)
    elif then != now:
        yield key, then, now


def _damage(file: Path) -> str:
    """Return what is wrong with a checkpoint; empty if nothing is."""
    if file.name != OLD_NAME and not is_whole(file):
        return "its content does not have the hash in its name"
    try:
        torch.load(file, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return ""

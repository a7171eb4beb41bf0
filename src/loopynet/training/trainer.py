"""Lightning's Trainer with what every training of ours has: device, precision, epochs, seeds."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning

from loopynet.network import LoopyNet
from loopynet.training.callbacks import SeedEpochs, VaryUnrolls
from loopynet.training.divergence import StopDivergence
from loopynet.training.frozen import KeepFrozen
from loopynet.training.workers import ALONE, Workers

PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


def build_trainer(
    net: LoopyNet,
    seed: int,
    callbacks: Sequence[lightning.Callback] = (),
    workers: Workers = ALONE,
    **options: Any,
) -> lightning.Trainer:
    """Return a trainer that does what a network's training section says, and prints nothing.

    Args:
        net: the network.
        seed: of dropout, augmentation and numbers of unrolls.
        callbacks: after those that the training section asks for.
        workers: where it runs.
        options: of lightning.Trainer, on top.
    """
    training = net.spec.training
    ours: list[lightning.Callback] = [SeedEpochs(seed, training.checkpoint_every)]
    ours.append(StopDivergence(net, skip=training.nonfinite == "skip"))
    if training.freeze:
        ours.append(KeepFrozen(net))
    if training.unrolls.name != "fixed" and net.graph.loops:
        ours.append(VaryUnrolls(net.spec, seed))
    return lightning.Trainer(
        accelerator="gpu" if training.device == "cuda" else training.device,
        **workers.trainer_options(),
        precision=PRECISIONS[training.precision],  # type: ignore[arg-type]
        max_epochs=training.epochs,
        callbacks=[*ours, *callbacks],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's advice off the terminal: about hardware, data workers and log folders."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", category=UserWarning, message=".*dataloader.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def restored_interrupts() -> Iterator[None]:
    """Let Ctrl-C interrupt again afterwards: Lightning ignores it once it has interrupted a fit."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is not handler:
            signal.signal(signal.SIGINT, handler)

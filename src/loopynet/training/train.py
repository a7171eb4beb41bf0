"""Training a network, and continuing a run that was stopped."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from rich.console import Console

from loopynet.data import Batches, ImageData, build_augmentation, load_data
from loopynet.errors import LoopyNetWarning, RunError
from loopynet.graph import build_graph, check_memory
from loopynet.network import LoopyNet
from loopynet.run import RunFolder, evaluation_batches
from loopynet.run.folder import PREPROCESSING
from loopynet.spec import NetworkSpec
from loopynet.training.averaging import AverageWeights
from loopynet.training.batch_size import with_number
from loopynet.training.callbacks import EpochTable, KeepBest, Row, StayStopped
from loopynet.training.checkpointing import (
    CheckpointFiles,
    CheckpointSteps,
    check_config,
    newest_checkpoint,
)
from loopynet.training.checks import (
    check_augmentation,
    check_device,
    check_label_maps,
    check_smallest_batch,
    check_without_validation,
)
from loopynet.training.environment import describe_environment, differences
from loopynet.training.finish import PARTS, TrainingResult, finish
from loopynet.training.frozen import freeze, start_from
from loopynet.training.memory import PeakMemory
from loopynet.training.module import LoopyModule
from loopynet.training.need import fitted, training_device
from loopynet.training.progress import ProgressBar
from loopynet.training.speed import Speed, decide, plain, prepare
from loopynet.training.trainer import build_trainer, quiet, restored_interrupts
from loopynet.training.whitening import whiten
from loopynet.training.workers import (
    ALONE,
    Workers,
    agreed,
    check_shares,
    leave_group,
    rank,
    shared_folder,
    synchronize_norms,
)


def train(
    spec: NetworkSpec,
    name: str | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
    watch: Callable[[Row], None] = lambda _: None,
    score: Sequence[str] = PARTS,
    progress: Console | None = None,
    workers: Workers = ALONE,
) -> TrainingResult:
    """Train a network from the start, into a new run folder.

    Args:
        spec: the network, its data and its training protocol.
        name: the run's name or path; see `RunFolder.create`.
        say: called with one line per epoch.
        watch: called with each epoch's row of metrics.csv; what it raises ends the run.
        score: which images the finished network is scored on: "train", "validation", "test".
        progress: the console to draw a live progress bar on; none if None.
        workers: on how many devices and machines. Every process calls this; process 0 alone writes
            and scores.

    Raises:
        SpecError, DataError: nothing has been written.
        RunError: the folder exists, or training failed; the last checkpoint stays.
    """
    check_device(spec.training)
    spec = _fitted(agreed(spec, workers))
    net, data = _prepare(spec, workers, say)
    run = shared_folder(name, spec, workers)
    if rank(workers) == 0:
        run.write_spec(net.spec)
    table = EpochTable(run, say, watch)
    return _fit(net, data, run, table, score=score, progress=progress, workers=workers)


def resume(
    run: RunFolder,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Console | None = None,
    workers: Workers = ALONE,
) -> TrainingResult:
    """Continue a run from its last checkpoint, as if it had never stopped.

    A run without a checkpoint starts again, which comes to the same. It may be continued by
    another number of workers: each batch is the same, and the result differs in rounding.

    Args:
        run: the run.
        say: called with one line per epoch.
        progress: the console to draw a live progress bar on; none if None.
        workers: on how many devices and machines, as in `train`.

    Raises:
        RunError: the run is finished, its checkpoint is damaged, or config.yaml was changed since.
    """
    finished = run.path / "results.json"
    if finished.is_file() and not run.results()["interrupted"]:
        raise RunError(f"{run.path}: the run is finished; there is nothing to continue")
    checkpoint, spec = newest_checkpoint(run), agreed(run.spec(), workers)
    if checkpoint is not None:
        check_config(run, checkpoint, spec)
    check_device(spec.training)
    check_memory(build_graph(spec), spec.training.least_images)
    net, data = _prepare(spec, workers, say, None if checkpoint is None else run)
    if rank(workers) == 0:
        (run.path / "checkpoints").mkdir(exist_ok=True)  # not there beside a config alone
        if net.spec != spec:
            run.write_spec(net.spec)
    table = EpochTable(run, say, lambda _: None)
    return _fit(net, data, run, table, progress=progress, checkpoint=checkpoint, workers=workers)


def _fitted(spec: NetworkSpec) -> NetworkSpec:
    """Return the spec with a batch that fits the device, or refuse it with numbers."""
    options = spec.training
    if options.too_large == "refuse":
        check_memory(build_graph(spec), options.least_images)  # at once, before a weight exists
    return fitted(spec, training_device(spec))


def _prepare(
    spec: NetworkSpec,
    workers: Workers,
    say: Callable[[str], None],
    begun: RunFolder | None = None,
) -> tuple[LoopyNet, ImageData]:
    """Return the network and its data; the network's spec has a number for `batch_size: auto`.

    A run that has begun gives its own preprocessing; one that has not gives the weights to start
    from.
    """
    torch.manual_seed(spec.training.seed)
    net = LoopyNet(spec)
    if spec.training.weights is not None and begun is None:
        start_from(net, spec.training.weights)
    freeze(net)
    check_augmentation(spec.training, net.graph.input_shape)
    check_label_maps(spec.training, net.graph)
    data = _load(net, begun)
    if spec.training.batch_size == "auto":
        net.spec, said = with_number(spec, len(data.train), workers)
        say(said)
    if not len(data.validation):
        check_without_validation(spec.training)
    check_smallest_batch(net.graph, net.spec.training, len(data.train))
    if begun is None:
        whiten(net, data.train, data.preprocessing)
    check_shares(net.spec, len(data.train), workers)
    if spec.training.sync_norm and workers.count > 1:
        synchronize_norms(net)
    return net, data


def _load(net: LoopyNet, begun: RunFolder | None) -> ImageData:
    """Return a network's data; a run that has begun is not fitted to its images again."""
    if begun is not None and (begun.path / PREPROCESSING).is_file():
        return begun.data()
    return load_data(net.spec.data, net.graph.input_shape, *net.graph.output_shape)


@restored_interrupts()
def _fit(
    net: LoopyNet,
    data: ImageData,
    run: RunFolder,
    table: EpochTable,
    *,
    score: Sequence[str] = PARTS,
    progress: Console | None,
    checkpoint: Path | None = None,
    workers: Workers = ALONE,
) -> TrainingResult:
    options, leads = net.spec.training, rank(workers) == 0
    if leads:
        _write_data(run, data)
    with quiet():
        trainer = _trainer(net, data, run, table, progress=progress, workers=workers)
        device = trainer.strategy.root_device
        speed = decide(net.spec, net.graph, device, len(data.train))
        environment = describe_environment(options.seed, str(device))
        if checkpoint is not None and leads:
            _warn_of_differences(run, environment)
        if leads:
            run.write_json("environment.json", environment | {"speed": plain(speed)})
        prepare(net, speed)
        memory = PeakMemory(device)
        interrupted = _run_trainer(trainer, net, data, checkpoint, speed)
    leave_group()
    if not leads:
        return TrainingResult(run, None, None, 0.0, interrupted, stopped_early=False, leads=False)
    return finish(net, data, run, table, interrupted, memory.used(), device, score)


def _warn_of_differences(run: RunFolder, environment: dict[str, Any]) -> None:
    """Say what a run is continued on that it did not begin on, and that decides its rounding."""
    if not (run.path / "environment.json").is_file():
        return
    found = differences(run.environment(), environment)
    telling = {key: found[key] for key in ("torch", "torch_threads", "device") if key in found}
    if telling:
        words = ", ".join(
            f"{key} {then} then and {now} now" for key, (then, now) in telling.items()
        )
        text = (
            f"{run.path}: {words}: it will differ in rounding from a run that was not interrupted"
        )
        warnings.warn(text, LoopyNetWarning, stacklevel=1)


def _run_trainer(
    trainer: lightning.Trainer,
    net: LoopyNet,
    data: ImageData,
    checkpoint: Path | None,
    speed: Speed,
) -> bool:
    """Train; returns whether the user interrupted it (Lightning then exits)."""
    options, share = net.spec.training, (trainer.global_rank, trainer.world_size)
    batches = Batches(
        data.train,
        data.preprocessing,
        options.step_images,
        shuffle=True,
        seed=options.seed,
        augment=build_augmentation(options.augmentation),
        protocol=options.protocol,
        share=share,
    )
    check = evaluation_batches(data.validation, data.preprocessing, options.protocol, share)
    try:
        trainer.fit(
            LoopyModule(net, bool(speed["fused_optimizer"].value), len(batches)),
            batches,
            check if len(data.validation) else None,
            ckpt_path=checkpoint,
            weights_only=True,
        )
    except (KeyboardInterrupt, SystemExit):
        return True
    return False


def _write_data(run: RunFolder, data: ImageData) -> None:
    run.write_tensors(PREPROCESSING, data.preprocessing.to_tensors())
    run.write_json("data.json", {"class_names": data.class_names, "provenance": data.provenance})


def _trainer(
    net: LoopyNet,
    data: ImageData,
    run: RunFolder,
    table: EpochTable,
    *,
    progress: Console | None,
    workers: Workers,
) -> lightning.Trainer:
    options = net.spec.training
    folder = run.path / "checkpoints"
    callbacks: list[lightning.Callback] = [table]
    averaging = AverageWeights(options.average) if options.average is not None else None
    if averaging is not None:
        callbacks.append(averaging)
    if len(data.validation):
        kept = partial(averaging.weights, net) if averaging else net.state_dict
        callbacks.append(KeepBest(run, kept))
    if options.early_stopping is not None:
        asked = options.early_stopping
        mode = "min" if asked.monitor == "validation_loss" else "max"
        stopping = EarlyStopping(asked.monitor, asked.min_delta, asked.patience, mode=mode)
        callbacks += [stopping, StayStopped(stopping)]
    if options.checkpoint_every is not None:
        callbacks.append(CheckpointSteps(folder, options.checkpoint_every))
    # Last of all and after the whole epoch, so that it holds everything's state at the epoch's end.
    callbacks.append(
        ModelCheckpoint(folder, "last", enable_version_counter=False, save_on_train_epoch_end=True)
    )
    if progress is not None and rank(workers) == 0:
        callbacks.append(ProgressBar(progress))
    return build_trainer(
        net,
        options.seed,
        callbacks,
        workers,
        deterministic="warn",
        default_root_dir=run.path,
        plugins=[CheckpointFiles()],
    )

"""Training a network, and continuing a run that was stopped."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from rich.console import Console

from loopynet.data import Batches, ImageData, build_augmentation, load_data
from loopynet.errors import RunError, SpecError
from loopynet.graph import check_memory
from loopynet.network import LoopyNet
from loopynet.parts.shape import show
from loopynet.run import Evaluation, RunFolder, evaluate, evaluation_batches
from loopynet.spec import NetworkSpec, TrainingSpec
from loopynet.training.callbacks import EpochTable, SeedEpochs
from loopynet.training.environment import describe_environment
from loopynet.training.module import LoopyModule, channels_last
from loopynet.training.progress import ProgressBar

PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


@dataclass(frozen=True)
class TrainingResult:
    """How a training run ended.

    Attributes:
        run: its folder.
        test: the kept weights on the test images; None if the run was interrupted.
        validation: the same on the validation images; None if there are none.
        seconds: time spent on training.
        interrupted: whether the user stopped it.
    """

    run: RunFolder
    test: Evaluation | None
    validation: Evaluation | None
    seconds: float
    interrupted: bool


def train(
    spec: NetworkSpec,
    name: str | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Console | None = None,
) -> TrainingResult:
    """Train a network from the start, into a new run folder.

    Args:
        spec: the network, its data and its training protocol.
        name: the run's name or path; see `RunFolder.create`.
        say: called with one line per epoch.
        progress: the console to draw a live progress bar on; none if None.

    Raises:
        SpecError, DataError: nothing has been written.
        RunError: the folder exists, or training failed; the last checkpoint stays.
    """
    net, data = _prepare(spec)
    run = RunFolder.create(name, spec)
    run.write_spec(spec)
    run.write_tensors("preprocessing.safetensors", data.preprocessing.to_tensors())
    run.write_json("data.json", {"class_names": data.class_names, "provenance": data.provenance})
    return _fit(net, data, run, say, progress=progress, resume=False)


def resume(
    run: RunFolder, *, say: Callable[[str], None] = lambda _: None, progress: Console | None = None
) -> TrainingResult:
    """Continue a run from the end of its last finished epoch, as if it had never stopped.

    Raises:
        RunError: the run is finished, or has no finished epoch to continue from.
    """
    if not run.checkpoint.is_file():
        raise RunError(f"{run.path}: no epoch was finished; train again with another --run")
    finished = run.path / "results.json"
    if finished.is_file() and not run.read_json("results.json")["interrupted"]:
        raise RunError(f"{run.path}: the run is finished; there is nothing to continue")
    net, data = _prepare(run.spec())
    return _fit(net, data, run, say, progress=progress, resume=True)


def _prepare(spec: NetworkSpec) -> tuple[LoopyNet, ImageData]:
    """Return the network, with the weights of its seed, and its data."""
    _check_device(spec.training)
    torch.manual_seed(spec.training.seed)
    net = LoopyNet(spec)
    check_memory(net.graph, spec.training.batch_size)
    _check_augmentation(spec.training, net.graph.input_shape)
    data = load_data(spec.data, net.graph.input_shape, net.graph.output_shape[0])
    if not len(data.validation):
        _check_without_validation(spec.training)
    channels_last(net)
    return net, data


def _check_device(options: TrainingSpec) -> None:
    """Raise SpecError if the device is not there or cannot compute in the precision."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(options.device, True):
        raise SpecError(
            f"is {options.device}, which torch does not find on this machine; write auto or cpu",
            ("training", "device"),
        )
    if options.precision == "float16" and (options.device == "cpu" or not available["cuda"]):
        raise SpecError(
            "float16 needs a CUDA device; write float32 or bfloat16", ("training", "precision")
        )


def _check_augmentation(options: TrainingSpec, shape: tuple[int, ...]) -> None:
    """Raise SpecError if an augmentation cannot be applied to images of this shape."""
    augment = build_augmentation(options.augmentation)
    if augment is None:
        return
    try:
        augment(torch.rand(2, *shape))
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise SpecError(
            f"cannot be applied to images {show(shape)} ({reason}); change or remove it",
            ("training", "augmentation"),
        ) from None


def _check_without_validation(options: TrainingSpec) -> None:
    """Raise SpecError for an option that needs validation images, of which there are none."""
    needy = {
        "early_stopping": options.early_stopping is not None,
        "keep": options.keep == "best",
        "learning_rate_schedule": options.learning_rate_schedule.name == "plateau",
    }
    for key, needs in needy.items():
        if needs:
            raise SpecError(
                "needs validation images, and data.split gives none; write a validation count",
                ("training", key),
            )


def _fit(
    net: LoopyNet,
    data: ImageData,
    run: RunFolder,
    say: Callable[[str], None],
    *,
    progress: Console | None,
    resume: bool,
) -> TrainingResult:
    options = net.spec.training
    table = EpochTable(run, say)
    with _quiet():
        trainer = _trainer(net, data, run, table, progress=progress)
        device = str(trainer.strategy.root_device)
        run.write_json("environment.json", describe_environment(options.seed, device))
        began = time.perf_counter()
        interrupted = _run_trainer(trainer, net, data, run if resume else None)
    seconds = time.perf_counter() - began
    keep_best = options.keep == "best" and not interrupted and len(data.validation)
    if keep_best:
        _load_best(trainer, net)
    run.write_tensors("model.safetensors", dict(net.state_dict()))
    test = validation = None
    if not interrupted:
        score = partial(
            evaluate, preprocessing=data.preprocessing, device=device, protocol=options.protocol
        )
        test = score(net, data.test)
        validation = score(net, data.validation) if len(data.validation) else None
    run.write_json(
        "results.json",
        {
            "interrupted": interrupted,
            "protocol": options.protocol,
            "epochs": len(table.rows),
            "seconds": round(seconds, 1),
            "kept": "best on validation" if keep_best else "last epoch",
            "test": test.plain() if test else None,
            "validation": validation.plain() if validation else None,
        },
    )
    return TrainingResult(run, test, validation, seconds, interrupted)


def _run_trainer(
    trainer: lightning.Trainer, net: LoopyNet, data: ImageData, resumed: RunFolder | None
) -> bool:
    """Train; returns whether the user interrupted it (Lightning then exits)."""
    options = net.spec.training
    batches = Batches(
        data.train,
        data.preprocessing,
        options.batch_size,
        shuffle=True,
        seed=options.seed,
        augment=build_augmentation(options.augmentation),
        protocol=options.protocol,
    )
    check = evaluation_batches(data.validation, data.preprocessing, options.protocol)
    try:
        trainer.fit(
            LoopyModule(net),
            batches,
            check if len(data.validation) else None,
            ckpt_path=resumed.checkpoint if resumed else None,
            weights_only=True,
        )
    except (KeyboardInterrupt, SystemExit):
        return True
    return False


def _trainer(
    net: LoopyNet, data: ImageData, run: RunFolder, table: EpochTable, *, progress: Console | None
) -> lightning.Trainer:
    options = net.spec.training
    folder = run.checkpoint.parent
    callbacks: list[lightning.Callback] = [SeedEpochs(options.seed), table]
    if len(data.validation):
        callbacks.append(
            ModelCheckpoint(
                folder,
                "best",
                monitor="validation_accuracy",
                mode="max",
                save_weights_only=True,
                enable_version_counter=False,
            )
        )
    if options.early_stopping is not None:
        stopping = options.early_stopping
        callbacks.append(
            EarlyStopping(
                stopping.monitor,
                stopping.min_delta,
                stopping.patience,
                mode="min" if stopping.monitor == "validation_loss" else "max",
            )
        )
    # Last of all and after the whole epoch, so that it holds everything's state at the epoch's end.
    callbacks.append(
        ModelCheckpoint(folder, "last", enable_version_counter=False, save_on_train_epoch_end=True)
    )
    if progress is not None:
        callbacks.append(ProgressBar(progress))
    return lightning.Trainer(
        accelerator="gpu" if options.device == "cuda" else options.device,
        devices=1,
        precision=PRECISIONS[options.precision],  # type: ignore[arg-type]
        max_epochs=options.epochs,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
        default_root_dir=run.path,
    )


def _load_best(trainer: lightning.Trainer, net: LoopyNet) -> None:
    best = next(
        callback
        for callback in trainer.callbacks  # type: ignore[attr-defined]
        if isinstance(callback, ModelCheckpoint) and callback.monitor
    )
    state = torch.load(best.best_model_path, weights_only=True)["state_dict"]
    net.load_state_dict({k[4:]: v for k, v in state.items() if k.startswith("net.")})


@contextmanager
def _quiet() -> Iterator[None]:
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

"""What a run leaves behind when its training is over: weights, scores and results.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from loopynet.data import ImageData
from loopynet.network import LoopyNet
from loopynet.network.weights import load_weights
from loopynet.run import Evaluation, RunFolder, evaluate
from loopynet.training.callbacks import EpochTable, KeepBest

PARTS = ("train", "validation", "test")
SCORED = 10_000
"""The most training images that are scored when training is over: more would take long."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training run ended.

    Attributes:
        run: its folder.
        test: the kept weights on the test images; None if the run was interrupted or not scored.
        validation: the same on the validation images; None if there are none.
        seconds: time spent on its finished epochs, before and after a resume.
        interrupted: whether the user stopped it.
        stopped_early: whether training.early_stopping did.
        leads: whether this is process 0, which alone has scores.
    """

    run: RunFolder
    test: Evaluation | None
    validation: Evaluation | None
    seconds: float
    interrupted: bool
    stopped_early: bool
    leads: bool = True


def finish(
    net: LoopyNet,
    data: ImageData,
    run: RunFolder,
    table: EpochTable,
    interrupted: bool,
    peak_bytes: int | None,
    device: torch.device,
    score: Sequence[str] = PARTS,
) -> TrainingResult:
    """Write the weights that are kept, score them, and write results.json, which ends the run.

    Args:
        net: as training left it; it gets the weights that are kept.
        data: the images that are scored.
        run: where it is written.
        table: of the epochs.
        interrupted: whether the user stopped it; then nothing is scored.
        peak_bytes: the memory that training took; None if unknown.
        device: where it is scored.
        score: which images, of `PARTS`.
    """
    options = net.spec.training
    keep_best = options.keep == "best" and not interrupted and bool(len(data.validation))
    if keep_best:
        load_weights(net, run.path / KeepBest.FILE)
    run.write_tensors("model.safetensors", dict(net.state_dict()))
    scores = {} if interrupted else _scores(net, data, device, score)
    if "test" in scores and scores["test"].answers is not None:
        run.write_tensors("answers.safetensors", scores["test"].answers.to_tensors())
    seconds = sum(float(row["seconds"]) for row in table.rows)
    stopped_early = not interrupted and len(table.rows) < options.epochs
    run.write_json(
        "results.json",
        {
            "interrupted": interrupted,
            "protocol": options.protocol,
            "epochs": len(table.rows),
            "stopped_early": stopped_early,
            "seconds": round(seconds, 1),
            "peak_bytes": peak_bytes,
            "kept": "best on validation" if keep_best else "last epoch",
            **{part: scores[part].plain() if part in scores else None for part in PARTS},
        },
    )
    test, validation = scores.get("test"), scores.get("validation")
    return TrainingResult(run, test, validation, seconds, interrupted, stopped_early)


def _scores(
    net: LoopyNet, data: ImageData, device: torch.device, score: Sequence[str]
) -> dict[str, Evaluation]:
    """Return how the network does on the parts that are asked for and not empty."""
    images = (data.train.first(SCORED), data.validation, data.test)
    protocol = net.spec.training.protocol
    return {
        part: evaluate(net, some, data.preprocessing, device=device, protocol=protocol)
        for part, some in zip(PARTS, images, strict=True)
        if len(some) and part in score
    }

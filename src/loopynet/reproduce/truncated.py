"""An open question of the paper: loops cost k times as much, and would a cheaper gradient do."""

from __future__ import annotations

from collections.abc import Sequence

from loopynet.compare import Cell, Row, contrast, grid
from loopynet.compare.grid import change_spec
from loopynet.compare.table import show_estimate
from loopynet.reproduce.claims import Claim, Verdict
from loopynet.reproduce.experiment import Experiment, Scale
from loopynet.reproduce.step_times import StepTimes
from loopynet.statistics import Estimate
from loopynet.zoo import load_spec

NETWORK = "cifar10-loopy"
GRADIENT = "training.gradient"
GRADIENTS = ("full", "{type: truncated, steps: 1}")
MARGIN = 0.01
"""How much accuracy the cheaper gradient may cost."""
FULL = (
    "training.epochs=2",
    "training.learning_rate_schedule=cosine",
    "data.split={train: 20000, validation: 1000}",
)
QUICK = ("training.epochs=2", "data.split={train: 2000, validation: 500, test: 1000}")


def cells(scale: Scale) -> list[Cell]:
    """Return the runs: the full gradient, and that of the last unroll only; short runs."""
    spec = change_spec(load_spec(NETWORK), *scale.size_changes(FULL, QUICK), *_gray(scale))
    vary = {GRADIENT: list(GRADIENTS)}
    if scale.batch_sizes:
        vary["training.batch_size"] = [str(size) for size in scale.batch_sizes]
    return grid([spec], vary, scale.seeds)


def _gray(scale: Scale) -> list[str]:
    """Return the change by which the loop's signal fits gray images."""
    return ["layers.conv_3.filters=1"] if scale.digits else []


def claims(rows: Sequence[Row], _: StepTimes | None) -> list[Claim]:
    """Return the claim that the truncated gradient costs at most a point of test accuracy."""
    found = []
    for full in (row for row in rows if row.settings[GRADIENT] == GRADIENTS[0]):
        settings = {**full.settings, GRADIENT: GRADIENTS[1]}
        truncated = next((row for row in rows if row.settings == settings), None)
        size = full.settings.get("training.batch_size")
        beside = f", batch size {size}" if size else ""
        found.append(_costs_little(full, truncated, beside))
    return found


def _costs_little(full: Row, truncated: Row | None, beside: str) -> Claim:
    text = f"the gradient of the last unroll costs at most {100 * MARGIN:g} point{beside}"
    difference = contrast(truncated, full) if truncated else None
    if difference is None or truncated is None or truncated.epochs != full.epochs:
        return Claim(text, "open", "", "not measured")
    shown = f"{show_estimate(difference.estimate, signed=True)} points, n = {difference.seeds}"
    verdict = _verdict(difference.estimate)
    return Claim(text, "open", shown, verdict, seeds=difference.seeds)


def _verdict(estimate: Estimate) -> Verdict:
    """Say whether the whole interval is on one side of the margin."""
    if estimate.low is not None and estimate.low >= -MARGIN:
        return "holds"
    if estimate.high is not None and estimate.high < -MARGIN:
        return "does not hold"
    return "undecided"


EXPERIMENT = Experiment(
    name="truncated",
    title="CIFAR-10: the gradient of all unrolls, and that of the last",
    cells=cells,
    claims=claims,
    published={},
    timed=(),
    baseline=NETWORK,
)

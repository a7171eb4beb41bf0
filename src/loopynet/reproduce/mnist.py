"""The paper's first experiment: a small loopy network on MNIST with k = 1, 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence

from loopynet.compare import Cell, Row, grid
from loopynet.compare.grid import change_spec
from loopynet.compare.table import show_estimate
from loopynet.reproduce.claims import Claim, Verdict
from loopynet.reproduce.experiment import Experiment, Scale
from loopynet.reproduce.step_times import StepTimes
from loopynet.zoo import load_spec

NETWORK = "mnist-loopy"
UNROLLS = (1, 2, 3)
PUBLISHED = 97.0
QUICK = ("training.epochs=2", "data.split={train: 4000, validation: 1000, test: 1000}")


def cells(scale: Scale) -> list[Cell]:
    """Return the runs: the zoo's network and protocol at each number of unrolls."""
    changes = scale.size_changes((), QUICK)
    spec = change_spec(load_spec(NETWORK), *changes)
    vary = {"unroll.steps": [str(k) for k in UNROLLS]}
    if scale.batch_sizes:
        vary["training.batch_size"] = [str(size) for size in scale.batch_sizes]
    return grid([spec], vary, scale.seeds)


def claims(rows: Sequence[Row], _: StepTimes | None) -> list[Claim]:
    """Return the claim of 97 % validation accuracy for each k."""
    return [_reaches(row) for row in rows]


def _reaches(row: Row) -> Claim:
    k = row.settings["unroll.steps"]
    text = f"validation accuracy is about 97 % with k = {k}"
    if row.validation is None:
        return Claim(text, "97", "", "not measured")
    # "97 %" is a rounded figure: 96.5 and more is as good.
    verdict: Verdict = "holds" if 100 * row.validation.mean >= PUBLISHED - 0.5 else "does not hold"
    count = len(row.runs)
    shown = f"{show_estimate(row.validation)}, n = {count}"
    return Claim(text, "97", shown, verdict, seeds=count)


EXPERIMENT = Experiment(
    name="mnist",
    title="MNIST: one, two and three unrolls",
    cells=cells,
    claims=claims,
    published={f"{NETWORK}, steps {k}": {"validation": PUBLISHED} for k in UNROLLS},
    timed=(),
    baseline=NETWORK,
)

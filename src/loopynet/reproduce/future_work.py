"""The paper's open questions: where loops should go, how many, how many unrolls, larger models."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from loopynet.compare import Cell, Row, grid
from loopynet.compare.grid import change_spec
from loopynet.reproduce.claims import Claim, above, correct_claims
from loopynet.reproduce.experiment import Experiment, Scale
from loopynet.reproduce.step_times import StepTimes
from loopynet.spec import NetworkSpec, parse_spec

CONVOLUTIONS = 5
UNROLLS = range(1, 9)
WIDTHS = (16, 64, 128)  # beside the 32 of all other cells
SEVERAL = {  # beside one loop: each inside the one before it
    "five-two-loops": ((5, 1), (4, 2)),
    "five-three-loops": ((5, 1), (4, 2), (3, 3)),
}
PLAIN, WIDEST = "five", "five-loop-5-to-1"
FULL = ("training.epochs=24", "data.split={train: 20000, validation: 1000}")
QUICK = ("training.epochs=2", "data.split={train: 2000, validation: 500, test: 1000}")


def cells(scale: Scale) -> list[Cell]:
    """Return the runs: places of one loop, numbers of loops, unrolls, widths."""
    changes = scale.size_changes(FULL, QUICK)
    base = change_spec(_base(), *changes)
    loop = _with_loops(base, WIDEST, ((5, 1),))
    places = [
        _with_loops(base, f"five-loop-{source}-to-{target}", ((source, target),))
        for source in range(1, CONVOLUTIONS + 1)
        for target in range(1, source + 1)
    ]
    several = [_with_loops(base, name, loops) for name, loops in SEVERAL.items()]
    sizes = {"training.batch_size": [str(size) for size in scale.batch_sizes]}
    vary = sizes if scale.batch_sizes else {}
    wide = [_wide(spec, width) for width in WIDTHS for spec in (base, loop)]
    deeper = {**vary, "unroll.steps": [str(k) for k in UNROLLS]}
    return [
        *grid([base, *places, *several, *wide], vary, scale.seeds),
        *grid([loop], deeper, scale.seeds),
    ]


def _base() -> NetworkSpec:
    file = files("loopynet.reproduce") / "five_convolutions.yaml"
    return parse_spec(file.read_text(encoding="utf-8"), file.name)


def _with_loops(base: NetworkSpec, name: str, loops: Sequence[tuple[int, int]]) -> NetworkSpec:
    changes = [f"name={name}"]
    for source, target in loops:
        # The image has fewer channels than a signal: a 1x1 convolution brings them together.
        fit = ", fit: project" if target == 1 else ""
        loop = f"{{from: conv_{source}, to: conv_{target}, merge: sum{fit}}}"
        changes.append(f"loops.loop_{source}_{target}={loop}")
    return change_spec(base, *changes)


def _wide(spec: NetworkSpec, width: int) -> NetworkSpec:
    widths = [f"layers.conv_{i}.filters={width}" for i in range(1, CONVOLUTIONS + 1)]
    return change_spec(spec, f"name={spec.name}-width-{width}", *widths)


def claims(rows: Sequence[Row], _: StepTimes | None) -> list[Claim]:
    """Return what the paper expects of loops: each place, number and width against no loop."""
    by_name = {row.label: row for row in rows}
    found = []
    for row in rows:
        opponent = _opponent(row)
        if opponent != row.label and opponent in by_name:
            found.append(
                above(f"{row.label} is above {opponent}", "open", row, by_name.get(opponent))
            )
    return correct_claims(found)


def _opponent(row: Row) -> str:
    """Return the label of the row without loops, or of the one with the fewest unrolls."""
    settings = row.label.removeprefix(row.network)
    if "unroll.steps" in row.settings:
        steps = f"steps {row.settings['unroll.steps']}"
        return row.label.replace(steps, "steps 1")
    if "-width-" in row.network:
        return f"{PLAIN}-width-{row.network.rpartition('-')[2]}{settings}"
    return PLAIN + settings


EXPERIMENT = Experiment(
    name="future-work",
    title="Open questions: place and number of loops, unrolls, width",
    cells=cells,
    claims=claims,
    published={},
    timed=(),
    baseline=PLAIN,
)

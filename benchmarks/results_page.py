"""Makes docs/results.md, and tables in other pages, from the data in results/.

docs/the-paper.md has the table of claims, docs/converging.md that of early exit.

make results
"""

import json
from collections.abc import Sequence
from pathlib import Path

from loopynet.compare import Cell, CellFolder, Summary, find_cells, summarize
from loopynet.compare.grid import change_spec
from loopynet.compare.table import markdown_tables
from loopynet.report.early_exit import EarlyExit, early_exit_figure, early_exit_tables
from loopynet.reproduce import EXPERIMENTS, Scale, StepTimes
from loopynet.reproduce.claims import Claim
from loopynet.reproduce.fig8 import NETWORKS
from loopynet.reproduce.page import claims_table, figures_table
from loopynet.run import RunFolder

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "results.md"
PAPER = ROOT / "docs" / "the-paper.md"
CONVERGING = ROOT / "docs" / "converging.md"
EPOCHS = 24
BEGIN, END = "<!-- claims: made by `make results` -->", "<!-- end of claims -->"
EXITS_BEGIN, EXITS_END = "<!-- early exit: made by `make results` -->", "<!-- end of early exit -->"
PROTOCOLS = ("standard", "published")
TRUNCATED_SEEDS = 3

INTRODUCTION = """\
# Results

This page is made from the files in `results/` by `make results`; a test keeps the two in step.
Each folder there holds one run: its full config, the table of its epochs, its results, its answers
to the test images, and the versions and machine it ran on. [comparing.md](comparing.md) says how
the intervals are made, [the-paper.md](the-paper.md) what the figures mean."""

CIFAR10 = """\
## CIFAR-10: figure 8 of the paper, {protocol} protocol

Every picture of the copy of CIFAR-10 used here was re-encoded as JPEG. Fine details are slightly
damaged, and accuracies are 1 to 2 points lower than on the original pictures, so the networks
should be compared with each other rather than with published figures.

{note}    LOOPYNET_DATA=FOLDER loopynet reproduce fig8 --batch-size {sizes}{options} \\
        --out results/fig8
"""
WINDOWS = """\
An epoch is the windows of the library of 2016: with batches of 5, 4,001 of them over 4,005 images
of the 20,000, with batches of 32, 626 over 657. Validation and test figures are of the first 110
images each, and so are their intervals.

"""

MNIST = """\
## MNIST: one, two and three unrolls

`mnist-loopy` (three 3x3 convolutions with 16, 8 and 1 filters, a sum loop from the third to the
first, dense 10), on the real MNIST: 40,000 training, 10,000 validation and 10,000 test images,
Adam, batches of 32, the weights of the last epoch. The zoo's training: 12 epochs, the learning
rate rises to 0.005 and falls (chosen on the validation images with k = 1).

    LOOPYNET_DATA=FOLDER loopynet reproduce mnist --seeds 3 --out results/mnist
"""
CONSTANT = """\
### With the training of the CIFAR-10 experiments

24 epochs at a constant learning rate of 0.001:

    LOOPYNET_DATA=FOLDER loopynet reproduce mnist --out results/mnist --set training.epochs=24 \\
        training.learning_rate=0.001 training.learning_rate_schedule=constant
"""
CONSTANT_CHANGES = (
    "training.learning_rate=0.001",
    "training.learning_rate_schedule=constant",
    "training.epochs=24",
)
TRUNCATED = """\
## The gradient of the last unroll alone

`cifar10-loopy`, batches of 32, 20,000 training images, the whole test set (re-encoded as JPEG, see
above). Short runs: {epochs} epochs instead of 24, with a learning rate that falls from 0.001
(cosine). They show how fast the two learn, and not where they end.
[converging.md](converging.md#gradient-modes) says what a truncated gradient is.

    LOOPYNET_DATA=FOLDER loopynet reproduce truncated --seeds {seeds} --out results/truncated
"""


def page(results: Path = RESULTS) -> str:
    """Return the text of docs/results.md."""
    parts = [INTRODUCTION]
    for protocol in PROTOCOLS:
        summary, claims, times = fig8(results, protocol)
        if summary is not None:
            parts += [introduced(protocol, summary)]
            parts += [figures_table(EXPERIMENTS["fig8"], summary)]
            parts += [markdown_tables(summary, costs=False), claims_table(claims)]
            parts += [step_times(times)] if times and protocol == "standard" else []
            parts += [machines([run for row in summary.rows for run in row.runs])]
    parts += truncated(results)
    parts += [MNIST, *mnist(results, Scale(seeds=3))]
    parts += [CONSTANT, *mnist(results, Scale(changes=CONSTANT_CHANGES))]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def introduced(protocol: str, summary: Summary) -> str:
    """Return what stands above the tables of figure 8."""
    runs = [run for row in summary.rows for run in row.runs]
    sizes = sorted({run.spec().training.batch_size for run in runs})
    published = protocol == "published"
    return CIFAR10.format(
        protocol=protocol,
        note=WINDOWS if published else "",
        sizes=" ".join(map(str, sizes)),
        options=" --protocol published" if published else "",
    )


def fig8(results: Path, protocol: str) -> tuple[Summary | None, Sequence[Claim], StepTimes | None]:
    """Return what the cells of figure 8 show; a run of fewer epochs stands for its cell."""
    experiment = EXPERIMENTS["fig8"]
    folders = []
    for config in sorted((results / "fig8").glob("*/config.yaml")):
        spec = RunFolder(config.parent).spec()
        if spec.training.protocol == protocol:
            settings = {"training.batch_size": str(spec.training.batch_size)}
            cell = Cell(change_spec(spec, f"training.epochs={EPOCHS}"), settings)
            folders.append(CellFolder(cell, RunFolder(config.parent)))
    if not folders:
        return None, (), None
    folders.sort(key=lambda f: (f.cell.spec.training.step_images, NETWORKS.index(f.cell.spec.name)))
    file = results / "fig8" / "step-times.json"
    times = StepTimes(**json.loads(file.read_text())) if file.is_file() else None
    summary = summarize(folders, experiment.title, "", experiment.baseline)
    return summary, experiment.claims(summary.rows, times), times


def mnist(results: Path, scale: Scale) -> list[str]:
    """Return the tables of the MNIST cells."""
    experiment = EXPERIMENTS["mnist"]
    folders = find_cells(results / "mnist", experiment.cells(scale))
    summary = summarize(folders, experiment.title, "", experiment.baseline)
    claims = experiment.claims(summary.rows, None)
    runs = [run for row in summary.rows for run in row.runs]
    return [markdown_tables(summary, costs=False), claims_table(claims), machines(runs)]


def truncated(results: Path = RESULTS) -> list[str]:
    """Return the section of the truncated gradient: tables, claim, machine."""
    experiment = EXPERIMENTS["truncated"]
    folders = find_cells(results / "truncated", experiment.cells(Scale(seeds=TRUNCATED_SEEDS)))
    if not any(folder.state == "finished" for folder in folders):
        return []
    summary = summarize(folders, experiment.title, "", experiment.baseline)
    runs = [run for row in summary.rows for run in row.runs]
    epochs = folders[0].cell.spec.training.epochs
    return [
        TRUNCATED.format(epochs=epochs, seeds=TRUNCATED_SEEDS),
        markdown_tables(summary, costs=False),
        claims_table(experiment.claims(summary.rows, None)),
        machines(runs),
    ]


def step_times(times: StepTimes) -> str:
    """Return the table of training steps timed side by side."""
    lines = ["| network | ms per step | times vanilla (lowest to highest) |", "| --- | --- | --- |"]
    for name, seconds in times.seconds.items():
        low, high = times.ratio_range(name, NETWORKS[0])
        middle = sorted(seconds)[len(seconds) // 2]
        ratio = f"{times.ratio(name, NETWORKS[0]):.2f} ({low:.2f} to {high:.2f})"
        lines.append(f"| {name} | {1000 * middle:.0f} | {ratio} |")
    said = (
        f"Training steps of batch size {times.batch_size}, the networks in turn, "
        f"{len(seconds)} rounds, {times.device}, {times.threads} thread(s):\n"
    )
    return "\n".join([said, *lines])


def machines(runs: Sequence[RunFolder]) -> str:
    """Say what the runs ran on, and how long."""
    found = set()
    for run in runs:
        e = run.read_json("environment.json")
        found.add(
            f"torch {e['packages']['torch']}, {e['device']}, {e['torch_threads']} thread(s) of "
            f"{e['processor_cores']} cores, several runs at once"
        )
    hours = sum(run.read_json("results.json")["seconds"] for run in runs) / 3600
    return f"Ran on: {'; '.join(sorted(found))}; {hours:.1f} hours of training in all."


def paper(text: str, results: Path = RESULTS) -> str:
    """Return docs/the-paper.md with its table of claims made anew."""
    _, claims, _ = fig8(results, "standard")
    mnist_cells = find_cells(results / "mnist", EXPERIMENTS["mnist"].cells(Scale(seeds=3)))
    rows = summarize(mnist_cells, "", "").rows
    table = claims_table([*claims, *EXPERIMENTS["mnist"].claims(rows, None)])
    return between(text, BEGIN, table, END)


def converging(text: str, results: Path = RESULTS) -> str:
    """Return docs/converging.md with its table of early exit made anew."""
    return between(text, EXITS_BEGIN, early_exit_tables(early_exit(results)), EXITS_END)


def early_exit(results: Path = RESULTS) -> EarlyExit:
    """Return what was measured of early exit."""
    text = (results / "exits" / "early-exit.json").read_text(encoding="utf-8")
    return EarlyExit.from_plain(json.loads(text))


def between(text: str, begin: str, table: str, end: str) -> str:
    """Return a page with the table between two comments made anew."""
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{table}\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    PAPER.write_text(paper(PAPER.read_text(encoding="utf-8")), encoding="utf-8")
    CONVERGING.write_text(converging(CONVERGING.read_text(encoding="utf-8")), encoding="utf-8")
    early_exit_figure(early_exit()).savefig(ROOT / "docs" / "images" / "early-exit.png")
    print("wrote", ", ".join(str(file.relative_to(ROOT)) for file in (PAGE, PAPER, CONVERGING)))

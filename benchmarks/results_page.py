"""Makes docs/results.md from the data in results/: `make results`."""

import json
import statistics
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "results.md"


def page(results: Path = ROOT / "results") -> str:
    """Return the page's text."""
    return "\n".join(["# Results", "", INTRODUCTION, "", *mnist(results), ""])


INTRODUCTION = """\
This page is made from the files in `results/` by `make results`; a test keeps the two in step.
Each folder there holds one run: its full config, the table of its epochs, its results, and the
versions and machine it ran on. Accuracies are in percent of right answers."""

MNIST = """\
## MNIST: one, two and three unrolls

`mnist-loopy` (three 3x3 convolutions with 16, 8 and 1 filters, a sum loop from the third to the
first, dense 10), on the real MNIST: 40,000 training, 10,000 validation and 10,000 test images,
Adam, batches of 32, the weights of the last epoch. The paper reports 97 % validation accuracy for
each k. Two protocols: the zoo's (12 epochs, the learning rate rises to 0.005 and falls; chosen on
the validation images with k = 1), and that of the CIFAR-10 experiments (24 epochs at a constant
0.001).

    LOOPYNET_DATA=FOLDER python benchmarks/mnist.py --seeds 0 1 2
    LOOPYNET_DATA=FOLDER python benchmarks/mnist.py --constant
"""


def mnist(results: Path) -> list[str]:
    """Return the section on MNIST: a row for each number of unrolls."""
    rows = [
        "| protocol | k | seeds | validation, mean (lowest to highest) | "
        "test, mean (lowest to highest) | paper, validation |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for protocol, prefix in (("zoo", "mnist-loopy"), ("constant rate", "mnist-loopy-constant")):
        for k in (1, 2, 3):
            cells = [cell(path) for path in sorted(results.glob(f"{prefix}-k{k}-seed*"))]
            if cells:
                accuracies = (spread([c[part]["accuracy"] for c in cells]) for part in PARTS)
                rows.append(f"| {protocol} | {k} | {len(cells)} | {' | '.join(accuracies)} | 97 |")
    return [MNIST, *rows, "", machine(results, "mnist-loopy-*")]


PARTS = ("validation", "test")


def cell(path: Path) -> dict:
    """Return the results of one run."""
    return json.loads((path / "results.json").read_text())


def spread(values: list[float]) -> str:
    """Return the mean with the lowest and highest, in percent; a single value alone."""
    if len(values) == 1:
        return f"{100 * values[0]:.2f}"
    mean, low, high = (100 * f(values) for f in (statistics.mean, min, max))
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


def machine(results: Path, pattern: str) -> str:
    """Say what the runs ran on."""
    found = set()
    for path in results.glob(pattern):
        e = json.loads((path / "environment.json").read_text())
        found.add(
            f"torch {e['packages']['torch']}, {e['device']}, {e['torch_threads']} thread(s) of "
            f"{e['processor_cores']} cores, several runs at once"
        )
    return f"Ran on: {'; '.join(sorted(found))}."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")

"""Trains each system of the zoo for a short time: our figures in docs/systems.

LOOPYNET_DATA=FOLDER python benchmarks/systems.py [NAME ...]

To be started in the root of the repository. A finished run is not run again. `make results` writes
the table of docs/systems/index.md.
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from loopynet import load_spec
from loopynet.compare import Cell, CellFolder, find_cells
from loopynet.compare.run_cells import run_cells
from loopynet.training import train

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "systems"
SMALL_CIFAR10 = (
    "data.name=cifar10",
    "data.split={train: 4000, validation: 500, test: 2000}",
    "training.batch_size=32",
)
CONSTANT = "training.learning_rate_schedule=constant"
SMALL_MNIST = (
    "data.split={train: 10000, validation: 1000, test: 10000}",
    "training.epochs=2",
)


@dataclass(frozen=True)
class System:
    """A system and its short run.

    Attributes:
        what: in a few words.
        parameters: the published number; empty if we know none.
        published: the published figure and what it is of; empty if we know none.
        changes: of the zoo's spec, for the short run; None for a system that is not trained.
        page: the system whose page is about this one too; its own if empty.
        start: the system, and changes of it, whose weights the short run starts from.
    """

    what: str
    parameters: str
    published: str
    changes: tuple[str, ...] | None
    page: str = ""
    start: tuple[str, ...] = ()


def _eighth(name: str) -> tuple[str, ...]:
    """Return the changes that leave a network an eighth of its filters."""
    layers = load_spec(name).layers.items()
    filters = {n: layer.filters for n, layer in layers if hasattr(layer, "filters")}
    return tuple(f"layers.{n}.filters={count // 8}" for n, count in filters.items())


SYSTEMS = {
    "cornet-rt": System(
        "four areas that update at once",
        "5,208,936",
        "",
        (
            *SMALL_CIFAR10, "input.shape=[3,32,32]", "layers.V1_in.stride=1",
            "layers.decoder.units=10", "training.epochs=2", "training.optimizer=adam",
            "training.learning_rate=0.001", CONSTANT,
        ),
    ),
    "cornet-s": System(
        "four areas with blocks that repeat; an eighth of its filters in the short run",
        "53,416,616",
        "",
        (
            *SMALL_CIFAR10, *_eighth("cornet-s"), "input.shape=[3,32,32]",
            "layers.V1_conv1.stride=1", "layers.decoder.units=10", "training.epochs=3",
            "training.optimizer=adam", "training.learning_rate=0.001", CONSTANT,
        ),
    ),
    "bl": System("lateral convolutions", "", "", SMALL_MNIST, page="blt"),
    "blt": System("lateral and top-down convolutions", "", "", SMALL_MNIST),
    "feedback-network": System(
        "convolutional LSTMs, a prediction at each iteration",
        "",
        "71.1 % (CIFAR-100)",
        (
            *SMALL_CIFAR10,
            "layers.classes.units=10",
            "data.split.train=2000",
            "training.epochs=2",
        ),
    ),
    "recurrent-cnn": System(
        "labels every position; sees its own labels again",
        "",
        "80.2 % of pixels (Stanford Background)",
        ("data.split={train: 2000, validation: 300, test: 500}", "training.epochs=5"),
    ),
    "deep-thinking": System(
        "refines a thought, and recalls the picture at every pass",
        "",
        "",
        ("data.split={train: 1200, validation: 200}",),
    ),
    "resnet": System(
        "residual blocks; no loops",
        "0.27 million",
        "91.25 % (CIFAR-10)",
        (*SMALL_CIFAR10, "training.epochs=4", CONSTANT),
    ),
    "resnet-tied": System(
        "residual blocks that share their weights within a stage",
        "",
        "",
        (*SMALL_CIFAR10, "training.epochs=4", CONSTANT),
    ),
    "rcnn": System(
        "recurrent convolutional layers, each unrolled to its end; no dropout in the short run",
        "0.67 million",
        "90.69 % (CIFAR-10)",
        (
            *SMALL_CIFAR10, "training.epochs=4", CONSTANT, "templates.drop.rate=0",
            "data.standardize=channel", "training.optimizer=adam",
            "training.learning_rate=0.0005",
        ),
    ),
    "rnn": System("an Elman network", "", "", (*SMALL_MNIST, "training.epochs=3")),
    "all-convolutional": System(
        "convolutions with a stride for pooling; no loops",
        "about 1.3 million",
        "90.92 % (CIFAR-10)",
        (*SMALL_CIFAR10, "training.epochs=3", CONSTANT),
    ),
    "maxout-network": System(
        "maxima over linear pieces; no loops",
        "",
        "88.32 % (CIFAR-10)",
        (*SMALL_CIFAR10, "training.epochs=4", CONSTANT),
    ),
    "dasnet": System(
        "a policy sets the gain of each channel of a trained maxout network",
        "",
        "90.78 % (CIFAR-10)",
        (
            *SMALL_CIFAR10, "data.split.train=8000", "training.batch_size=64", "training.epochs=1",
            "unroll.steps=2", f"training.weights={RESULTS.relative_to(ROOT)}/dasnet-start",
        ),
        start=("maxout-network", *SMALL_CIFAR10, "data.split.train=8000", "training.epochs=8"),
    ),
    "belief-propagation": System(
        "sum-product messages on a grid; nothing is trained", "", "exact on trees", None
    ),
}  # fmt: skip
"""Every system by its name in the zoo."""


def short_runs(names: Sequence[str] = tuple(SYSTEMS)) -> list[CellFolder]:
    """Return the folders of the short runs, finished or not."""
    trained = {name: SYSTEMS[name].changes for name in names}
    cells = [Cell(load_spec(n, changes)) for n, changes in trained.items() if changes is not None]
    return find_cells(RESULTS, cells)


def _train_start(name: str) -> None:
    """Train what a system's short run starts from, unless it is there or not needed."""
    if not SYSTEMS[name].start or short_runs([name])[0].state == "finished":
        return
    other, *changes = SYSTEMS[name].start
    folder = RESULTS / f"{name}-start"
    if not (folder / "model.safetensors").is_file():
        shutil.rmtree(folder, ignore_errors=True)  # its figures, without its weights
        train(load_spec(other, changes), str(folder), say=print)


def main() -> None:
    """Run what is not finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(SYSTEMS), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at the same time")
    options = parser.parse_args()
    for name in options.names:
        _train_start(name)
    run_cells(short_runs(options.names), Console(stderr=True), options.jobs)


if __name__ == "__main__":
    main()

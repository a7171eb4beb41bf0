"""Trains mnist-loopy with k = 1, 2 and 3 on the real MNIST and keeps the figures in results/.

    LOOPYNET_DATA=... python benchmarks/mnist.py [--seeds 0 1 2] [--unrolls 1 2 3] [--constant]

--constant trains with the protocol of the CIFAR-10 experiments instead of the zoo's: 24 epochs at a
constant learning rate of 0.001.

A cell that is in results/ is not run again; one that was stopped goes on from its last epoch.
"""

import argparse
import shutil
from pathlib import Path

from loopynet import load_spec
from loopynet.run import RunFolder
from loopynet.training import resume, train

KEPT = ("config.yaml", "metrics.csv", "results.json", "environment.json", "data.json")


def main() -> None:
    """Run the cells that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--unrolls", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--constant", action="store_true")
    options = parser.parse_args()
    for seed in options.seeds:
        for unrolls in options.unrolls:
            cell(options.results, unrolls, seed, constant=options.constant)


CONSTANT = (
    "training.learning_rate=0.001",
    "training.learning_rate_schedule=constant",
    "training.epochs=24",
)


def cell(results: Path, unrolls: int, seed: int, *, constant: bool) -> None:
    """Train one network, unless its results are there."""
    name = f"mnist-loopy{'-constant' if constant else ''}-k{unrolls}-seed{seed}"
    kept = results / name
    if kept.exists():
        print(f"{name}: done already")
        return
    path = Path("runs") / name
    if (path / "checkpoints" / "last.ckpt").exists():
        run = resume(RunFolder.open(path), say=print).run
    else:
        shutil.rmtree(path, ignore_errors=True)
        changes = (f"unroll.steps={unrolls}", f"training.seed={seed}")
        spec = load_spec("mnist-loopy", changes + (CONSTANT if constant else ()))
        run = train(spec, str(path), say=print).run
    kept.mkdir(parents=True)
    for file in KEPT:
        shutil.copy(run.path / file, kept / file)
    print(f"{name}: {run.read_json('results.json')['validation']['accuracy']:.4f}")


if __name__ == "__main__":
    main()

"""Finished cells whose figures are made up, and the answers that give them."""

import json

import torch
from safetensors.torch import save_file

from loopynet import NetworkSpec, load_spec
from loopynet.compare import CellFolder, find_cells, grid


def made_cell(cell, folder, right, *, train=0.9, seconds=(2.0, 4.0), weights=None, labels=None):
    """Write the run folder of a cell whose answers to the test images are right where `right` is.

    right: a list of bools, or of k lists for k unrolls.
    """
    right = torch.as_tensor(right).bool()
    right = right if right.dim() == 2 else right[None]
    labels = torch.zeros(right.shape[1], dtype=torch.uint8) if labels is None else labels
    (found,) = find_cells(folder, [cell])
    path = found.run.path
    (path / "checkpoints").mkdir(parents=True)
    found.run.write_spec(cell.spec)
    weights = torch.ones(right.shape[1], dtype=torch.int32) if weights is None else weights
    save_file(
        {
            "labels": labels,
            "predicted": torch.where(right, labels, labels + 1).to(torch.uint8),
            "weights": weights.to(torch.int32),
        },
        path / "answers.safetensors",
    )
    shares = ((right * weights).sum(1) / weights.sum()).tolist()
    part = {"images": right.shape[1], "protocol": "standard", "losses": [1.0] * len(shares)}
    test = {**part, "accuracy": shares[-1], "loss": 1.0, "accuracies": shares}
    results = {
        "interrupted": False, "protocol": "standard", "epochs": len(seconds),
        "stopped_early": False, "seconds": sum(seconds), "peak_bytes": 3 * 2**20,
        "kept": "last epoch", "train": {**test, "accuracy": train}, "validation": None,
        "test": test,
    }  # fmt: skip
    (path / "results.json").write_text(json.dumps(results))
    lines = [f"{i},{s}" for i, s in enumerate(seconds, start=1)]
    (path / "metrics.csv").write_text("\n".join(["epoch,seconds", *lines]) + "\n")
    return path


def tiny(name: str, *changes: str) -> NetworkSpec:
    return load_spec("digits-loopy", (f"name={name}", "training.epochs=2", *changes))


def made_comparison(folder, answers, **options) -> list[CellFolder]:
    """Return the cells of networks whose answers are given: {name: {seed: right}}."""
    cells = []
    for name, by_seed in answers.items():
        for seed, right in by_seed.items():
            (cell,) = grid([tiny(name, f"training.seed={seed}")])
            made_cell(cell, folder, right, **options)
            cells.append(cell)
    return find_cells(folder, cells)


def made_epochs(path, train=(0.5, 0.75), validation=(0.4, 0.6), *, losses=(2.0, 1.0)):
    """Write the metrics.csv of a run: accuracies by epoch, and the same losses for both parts."""
    head = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds"
    lines = [
        f"{i},{loss},{a},{loss},{b},1.5"
        for i, (loss, a, b) in enumerate(zip(losses, train, validation, strict=True), start=1)
    ]
    (path / "metrics.csv").write_text("\n".join([head, *lines]) + "\n")

"""Tables of one run: its figures, its answers by class, where its images and it come from."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from loopynet.graph import build_graph
from loopynet.graph.costs import costs, show_bytes
from loopynet.page import table
from loopynet.report.epochs import Epochs
from loopynet.run import RunFolder
from loopynet.spec import NetworkSpec

PARTS = ("train", "validation", "test")


def figures_table(results: Mapping[str, Any]) -> Markup:
    """Return accuracy and loss of the kept weights."""
    rows = [
        (part, _percent(found["accuracy"]), f"{found['loss']:.4f}", f"{found['images']:,}")
        for part in PARTS
        if (found := results.get(part))
    ]
    head = ("images", "accuracy, %", "loss, nats", "n")
    return table(head, rows, "Accuracy and loss of the kept weights") if rows else Markup("")


def unrolls_table(results: Mapping[str, Any]) -> Markup:
    """Return accuracy and loss at every unroll, of validation and test images."""
    parts = [part for part in PARTS[1:] if results.get(part)]
    steps = len(results[parts[0]]["accuracies"]) if parts else 0
    if steps < 2:
        return Markup("")
    first = results[parts[0]].get("first_unroll", 1)
    rows = []
    for t in range(steps):
        cells = [str(first + t)]
        for part in parts:
            cells += [_percent(results[part]["accuracies"][t]), f"{results[part]['losses'][t]:.4f}"]
        rows.append(cells)
    head = ["unroll", *(f"{part} {word}" for part in parts for word in ("accuracy, %", "loss"))]
    return table(head, rows, "Accuracy and loss at every unroll")


def maps_table(results: Mapping[str, Any]) -> Markup:
    """Return the means over classes, if the network answers label maps."""
    rows = [
        (
            part,
            _percent(found["maps"]["mean_class_accuracies"][-1]),
            _percent(found["maps"]["mean_ious"][-1]),
            f"{found['maps']['positions']:,}",
        )
        for part in PARTS
        if (found := results.get(part)) and "maps" in found
    ]
    head = ("images", "mean class accuracy, %", "mean IoU, %", "labeled positions")
    return table(head, rows, "Means over classes, by positions") if rows else Markup("")


def map_classes_table(run: RunFolder, results: Mapping[str, Any]) -> Markup:
    """Return how the positions of each class were answered in test images at the last unroll."""
    maps = (results.get("test") or {}).get("maps")
    if not maps:
        return Markup("")
    figures = (maps[f"class_{name}"] for name in ("accuracies", "ious", "positions"))
    rows = [
        (name, *("" if share is None else f"{100 * share:.1f}" for share in shares), f"{count:,}")
        for name, *shares, count in zip(run.class_names(), *figures, strict=False)
    ]
    head = ("class", "right, %", "IoU, %", "labeled positions")
    return table(head, rows, "Positions of test images by class")


def costs_table(spec: NetworkSpec, results: Mapping[str, Any], epochs: Epochs | None) -> Markup:
    """Return what the network and its training cost."""
    cost = costs(build_graph(spec))
    rows = [
        ("parameters", f"{cost.parameters:,}"),
        ("multiply-adds per image", f"{cost.multiply_adds:,}"),
    ]
    if results.get("peak_bytes"):
        rows.append(("peak memory of training", show_bytes(results["peak_bytes"])))
    if epochs and "seconds" in epochs.columns:
        seconds = epochs.columns["seconds"].tolist()
        rows.append(("seconds per epoch, median", f"{statistics.median(seconds):.1f}"))
        rows.append(("seconds of all epochs", f"{sum(seconds):.1f}"))
    return table(("cost", "figure"), rows, "Of the network and of its training")


def classes_table(run: RunFolder) -> Markup:
    """Return how the test images of each class were answered at the last unroll, if it was kept."""
    if not (run.path / "answers.safetensors").is_file():
        return Markup("")
    answers = run.answers()
    labels, predicted = answers["labels"].numpy(), answers["predicted"][-1].numpy()
    weights = answers["weights"].numpy().astype(float)
    names = run.class_names()
    most = max(int(predicted.max()), int(labels.max()))
    names += tuple(map(str, range(len(names), most + 1)))  # more outputs than names
    images = np.bincount(labels, minlength=len(names))
    # a row of counts for each class that has images: the whole matrix may be large
    rows = []
    for i in range(len(names)):
        its = labels == i if images[i] else slice(0)
        counts = np.bincount(predicted[its], weights[its], len(names)).astype(float)
        rows.append(_class_cells(names, i, counts, int(images[i])))
    head = ("class", "right, %", "n", "most often mistaken for")
    return table(head, rows, "Test images by class")


def _class_cells(
    names: tuple[str, ...], i: int, counts: NDArray[np.float64], images: int
) -> tuple[str, ...]:
    if not images:
        return names[i], "", "0", ""
    total, right = counts.sum() or 1.0, counts[i]
    wrong = counts.copy()
    wrong[i] = 0
    other = int(wrong.argmax())
    mistaken = f"{names[other]}, {100 * wrong[other] / total:.1f} %" if wrong[other] else ""
    return names[i], f"{100 * right / total:.1f}", f"{images:,}", mistaken


def plain_table(data: Mapping[str, Any], caption: str) -> Markup:
    """Return plain data as a table with one line for each value: split, train: 40000."""
    return table(("key", "value"), list(_flat(data)), caption)


def _flat(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}, ")
        elif value not in (None, [], ""):
            shown = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"{above}{key}".replace("_", " "), shown


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"

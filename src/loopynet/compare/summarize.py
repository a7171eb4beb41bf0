"""From finished cells to rows with intervals, and to differences between rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loopynet.compare.cells import CellFolder
from loopynet.compare.summary import Difference, Row, Summary
from loopynet.errors import RunError
from loopynet.foreign import read_rows
from loopynet.graph import build_graph
from loopynet.graph.costs import costs
from loopynet.run import RunFolder
from loopynet.statistics import (
    Estimate,
    holm,
    image_scores,
    mean_over_seeds,
    mean_over_seeds_and_images,
)
from loopynet.statistics.crossed import Scores


def summarize(
    folders: Sequence[CellFolder],
    title: str,
    command: str,
    baseline: str | None = None,
    notes: tuple[str, ...] = (),
) -> Summary:
    """Return what the finished cells show.

    Args:
        folders: the cells of a comparison, finished or not.
        title: the heading.
        command: what to type to get the comparison again.
        baseline: the network that the others are compared with, under the same settings; the
            first if None.
        notes: sentences for the reader of the figures.
    """
    groups: dict[str, list[CellFolder]] = {}
    for folder in folders:
        groups.setdefault(folder.cell.label, []).append(folder)
    rows = tuple(_row(label, group) for label, group in groups.items())
    baseline = baseline or rows[0].network
    differences = []
    for row in rows:
        for other in rows:
            if other.network == baseline and row is not other and other.settings == row.settings:
                found = contrast(row, other)
                differences += [found] if found else []
    return Summary(title, rows, correct(differences), command, notes)


def correct(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences with p-values corrected for their number."""
    known = [d.p for d in differences if d.p is not None]
    corrected = iter(holm(known))
    return tuple(d if d.p is None else replace(d, p_corrected=next(corrected)) for d in differences)


def contrast(row: Row, baseline: Row) -> Difference | None:
    """Return the difference of two rows' test accuracies, over the seeds that both have.

    Both must have answered the same images; None if they did not, or have no seed in common.
    """
    ours, theirs = (_by_seed(r) for r in (row, baseline))
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return None
    pairs = [(_answers(ours[s]), _answers(theirs[s])) for s in seeds]
    if any(a is None or b is None for a, b in pairs):
        return None
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    labels, _, weights = known[0][0]
    for side in (side for pair in known for side in pair):
        if not np.array_equal(side[0], labels) or not np.array_equal(side[2], weights):
            return None
    gains = np.stack([a[1][-1].astype(float) - b[1][-1].astype(float) for a, b in known])
    estimate = mean_over_seeds_and_images(image_scores(gains, weights))
    return Difference(row.label, baseline.label, estimate, estimate.p, None, len(seeds))


def _row(label: str, group: Sequence[CellFolder]) -> Row:
    cell = group[0].cell
    cost = costs(build_graph(cell.spec))
    finished = [f for f in group if f.state == "finished"]
    row = Row(
        label=label,
        network=cell.spec.name,
        settings=dict(cell.settings),
        spec=cell.spec,
        runs=tuple(f.run for f in finished),
        failures=tuple(f"seed {f.cell.seed}: {f.failure}" for f in group if f.state == "failed"),
        missing=sum(f.state == "unfinished" for f in group),
        parameters=cost.parameters,
        multiply_adds=cost.multiply_adds,
    )
    return _measured(row) if finished else row


def _measured(row: Row) -> Row:
    """Return the row with the figures of its runs."""
    results = [run.results() for run in row.runs]
    shares = {
        part: np.array([r[part]["accuracy"] for r in results])
        for part in ("train", "validation", "test")
        if all(r.get(part) for r in results)
    }
    epochs = [r["epochs"] for r in results]
    peaks = [r["peak_bytes"] for r in results if r.get("peak_bytes")]
    scores = _scores(row.runs)
    return replace(
        row,
        epochs=(min(epochs), max(epochs)),
        kept=results[0]["kept"],
        train=mean_over_seeds(shares["train"]) if "train" in shares else None,
        validation=mean_over_seeds(shares["validation"]) if "validation" in shares else None,
        test=_estimate(scores, shares["test"]),
        test_over_seeds=mean_over_seeds(shares["test"]),
        test_over_images=None if scores is None else _over_images(scores),
        each_unroll=tuple(np.mean([r["test"]["accuracies"] for r in results], axis=0).tolist()),
        first_unroll=results[0]["test"].get("first_unroll", 1),
        seconds_per_epoch=_seconds_per_epoch(row.runs),
        peak_bytes=max(peaks) if peaks else None,
        images=results[0]["test"]["images"],
    )


def _estimate(scores: Scores | None, shares: NDArray[np.float64]) -> Estimate:
    """Return the mean over seeds and images; over seeds alone if the answers were not kept."""
    found = mean_over_seeds(shares) if scores is None else mean_over_seeds_and_images(scores)
    return replace(found, p=None)


def _over_images(scores: Scores) -> Estimate:
    return mean_over_seeds_and_images(scores.mean(0, keepdims=True))


def _scores(runs: Sequence[RunFolder]) -> Scores | None:
    """Return the scores [S, M] of the test images at the last unroll, if all runs kept them."""
    answers = [_answers(run) for run in runs]
    kept = [a for a in answers if a is not None]
    if len(kept) < len(answers):
        return None
    labels, _, weights = kept[0]
    if any(not np.array_equal(labels, other[0]) for other in kept):
        return None
    return image_scores(np.stack([right[-1] for _, right, _ in kept]), weights)


def _answers(
    run: RunFolder,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]] | None:
    """Return labels [M], right answers [k, M] and weights [M] of the test images, if kept."""
    if not (run.path / "answers.safetensors").is_file():
        return None
    tensors = {name: t.numpy() for name, t in run.answers().items()}
    labels = tensors["labels"].astype(np.int64)
    return labels, tensors["predicted"] == tensors["labels"], tensors["weights"].astype(np.int64)


def _by_seed(row: Row) -> dict[int, RunFolder]:
    return {run.spec().training.seed: run for run in row.runs}


def _seconds_per_epoch(runs: Sequence[RunFolder]) -> float:
    seconds = []
    for run in runs:
        try:
            seconds += [float(line["seconds"]) for line in read_rows(run.metrics)]
        except (KeyError, ValueError) as error:
            raise RunError(f"{run.metrics}: is damaged ({error}); copy it again") from None
    return statistics.median(seconds) if seconds else 0.0

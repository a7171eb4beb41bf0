"""A comparison as tables in Markdown, and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from loopynet.compare.summary import Difference, Row, Summary
from loopynet.statistics import Estimate

HEAD = (
    "network", "seeds", "epochs", "parameters", "multiply-adds", "train", "validation", "test",
    "s/epoch", "memory",
)  # fmt: skip
DIFFERENCE_HEAD = ("network", "minus", "seeds", "points of test accuracy", "p", "p, corrected")
MEBIBYTE = 2**20


def markdown_tables(summary: Summary, *, costs: bool = True) -> str:
    """Return the rows and the differences as Markdown.

    Args:
        summary: the comparison.
        costs: show time and memory, which differ from machine to machine and from run to run.
    """
    columns = HEAD if costs else HEAD[:-2]
    text = markdown(columns, (row_cells(row)[: len(columns)] for row in summary.rows))
    text += "".join(f"\n{sentence}\n" for sentence in remarks(summary))
    if summary.differences:
        rows = (difference_cells(d) for d in summary.differences)
        text += "\n" + markdown(DIFFERENCE_HEAD, rows)
    return text


def remarks(summary: Summary) -> list[str]:
    """Return what a reader of the tables must know: what the figures are, and what is missing."""
    kept = sorted({row.kept for row in summary.rows if row.kept})
    said = [
        "Accuracies in percent. "
        + "".join(f"Weights kept: {one}. " for one in kept)
        + "Intervals are 95 %: of train and validation over seeds, of test and of differences "
        "over seeds and test images together (with one seed over images alone). "
        "P-values are two-sided; the corrected ones are Holm's for all differences of the table."
    ]
    said += summary.notes
    for row in summary.rows:
        said += [f"{row.label}: failed, {reason}." for reason in row.failures]
        if row.runs and row.test_over_images is None:
            said.append(f"{row.label}: no answers were kept: the test interval is over seeds.")
        if row.missing:
            said.append(f"{row.label}: not finished: {row.missing} of {_wanted(row)} cells.")
    return said


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def row_cells(row: Row) -> tuple[str, ...]:
    """Return a row's line, one cell for each of `HEAD`."""
    return (
        row.label,
        str(len(row.runs)) if len(row.runs) == _wanted(row) else f"{len(row.runs)}/{_wanted(row)}",
        show_epochs(row),
        f"{row.parameters:,}",
        f"{row.multiply_adds:,}",
        show_estimate(row.train),
        show_estimate(row.validation),
        show_estimate(row.test),
        "" if row.seconds_per_epoch is None else f"{row.seconds_per_epoch:.1f}",
        "" if row.peak_bytes is None else f"{row.peak_bytes / MEBIBYTE:,.0f} MiB",
    )


def _wanted(row: Row) -> int:
    return len(row.runs) + len(row.failures) + row.missing


def show_epochs(row: Row) -> str:
    """Return how many epochs the runs were trained, and of how many if they were fewer."""
    wanted = row.spec.training.epochs
    if row.epochs is None:
        return ""
    low, high = row.epochs
    shown = str(low) if low == high else f"{low} to {high}"
    return shown if low == wanted else f"{shown} of {wanted}"


def show_estimate(estimate: Estimate | None, *, signed: bool = False) -> str:
    """Return an estimate in percent: 56.40 (53.10 to 59.70)."""
    if estimate is None:
        return ""
    form = "+.2f" if signed else ".2f"
    mean = f"{100 * estimate.mean:{form}}"
    if estimate.low is None or estimate.high is None:
        return mean
    return f"{mean} ({100 * estimate.low:{form}} to {100 * estimate.high:{form}})"


def show_p(p: float | None) -> str:
    """Return a p-value with two digits, or that it is below a ten-thousandth."""
    if p is None:
        return ""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def difference_cells(d: Difference) -> tuple[str, ...]:
    """Return a difference's line, one cell for each of `DIFFERENCE_HEAD`."""
    return (
        d.row,
        d.baseline,
        str(d.seeds),
        show_estimate(d.estimate, signed=True),
        show_p(d.p),
        show_p(d.p_corrected),
    )


def plain_summary(summary: Summary) -> dict[str, Any]:
    """Return the comparison as JSON-able data."""
    return {
        "title": summary.title,
        "command": summary.command,
        "notes": list(summary.notes),
        "rows": [_plain_row(row) for row in summary.rows],
        "differences": [
            {
                "network": d.row,
                "baseline": d.baseline,
                "seeds": d.seeds,
                "difference": d.estimate.mean,
                "low": d.estimate.low,
                "high": d.estimate.high,
                "p": d.p,
                "p_corrected": d.p_corrected,
            }
            for d in summary.differences
        ],
    }


def _plain_row(row: Row) -> dict[str, Any]:
    names = ("train", "validation", "test", "test_over_seeds", "test_over_images")
    estimates = {name: getattr(row, name) for name in names}
    return {
        "label": row.label,
        "network": row.network,
        "settings": row.settings,
        "runs": [run.path.name for run in row.runs],
        "failures": list(row.failures),
        "missing": row.missing,
        "parameters": row.parameters,
        "multiply_adds": row.multiply_adds,
        "epochs": row.epochs,
        "kept": row.kept,
        **{
            name: e and {"mean": e.mean, "low": e.low, "high": e.high}
            for name, e in estimates.items()
        },
        "each_unroll": list(row.each_unroll),
        "first_unroll": row.first_unroll,
        "test_images": row.images,
        "seconds_per_epoch": row.seconds_per_epoch,
        "peak_bytes": row.peak_bytes,
    }

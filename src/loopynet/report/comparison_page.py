"""The report of a comparison: its tables, curves, costs and networks, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from loopynet.compare import CellFolder, Row, Summary
from loopynet.compare.table import (
    DIFFERENCE_HEAD,
    HEAD,
    MEBIBYTE,
    difference_cells,
    remarks,
    row_cells,
)
from loopynet.page import (
    Section,
    bullets,
    code,
    details,
    heading,
    paragraph,
    render_page,
    side_by_side,
    table,
)
from loopynet.report.bars import bars, unroll_charts
from loopynet.report.curves import Figures, Look, look, row_curves
from loopynet.report.epochs import Epochs, read_epochs
from loopynet.report.networks import all_drawings
from loopynet.run import RunFolder
from loopynet.spec import to_yaml

REPORT = "report.html"
FIGURES: tuple[Figures, ...] = ("accuracy", "loss")


def report_comparison(summary: Summary, folders: Sequence[CellFolder], out: Path) -> Path:
    """Write report.html of a comparison, finished or not; an older one is replaced.

    Args:
        summary: what the comparison found.
        folders: its cells.
        out: the folder to write into.

    Returns:
        the file.

    Raises:
        RunError: a file of a run is damaged.
    """
    folder = RunFolder(out)
    folder.write_text(REPORT, _page(summary, folders))
    return out / REPORT


def _page(summary: Summary, folders: Sequence[CellFolder]) -> str:
    sections = [
        Section("Claims", _claims(summary)),
        Section("Results", _results(summary)),
        Section("Differences of test accuracy", _differences(summary)),
        Section("Unrolls", _unrolls(summary.rows)),
        Section("Learning curves", _curves(summary.rows, folders)),
        Section("Costs", _costs(summary.rows)),
        Section("Networks", all_drawings([(row.label, row.spec) for row in summary.rows])),
        Section("Command", code(summary.command)),
        Section("Configs", _configs(summary.rows)),
        Section("Runs", details(f"All {len(folders)} runs", _runs(folders))),
    ]
    return render_page(summary.title, [s for s in sections if s.body], _lead(folders))


def _lead(folders: Sequence[CellFolder]) -> str:
    """Say how far the comparison came."""
    states = [folder.state for folder in folders]
    done, failed = states.count("finished"), states.count("failed")
    if done == len(states):
        return f"{done} runs, all of them finished."
    failures = f", {failed} failed" if failed else ""
    return f"This comparison is not finished: {done} of {len(states)} runs are done{failures}."


def _claims(summary: Summary) -> Markup:
    return table(summary.claims_head, summary.claims) if summary.claims else Markup("")


def _results(summary: Summary) -> Markup:
    rows = table(HEAD, map(row_cells, summary.rows), "Networks and settings")
    first, *others = remarks(summary)
    return rows + paragraph(first) + bullets(others)


def _differences(summary: Summary) -> Markup:
    if not summary.differences:
        return Markup("")
    said = "Against the baseline, on the same images and seeds"
    return table(DIFFERENCE_HEAD, map(difference_cells, summary.differences), said)


def _unrolls(rows: Sequence[Row]) -> Markup:
    looped = [
        (row.label, row.first_unroll, row.each_unroll) for row in rows if len(row.each_unroll) > 1
    ]
    if not looped:
        return Markup("")
    last = max(first + len(shares) - 1 for _, first, shares in looped)
    unrolls = range(min(first for _, first, _ in looped), last + 1)
    cells = []
    for label, first, shares in looped:
        known = {t: f"{100 * share:.2f}" for t, share in enumerate(shares, first)}
        cells.append((label, *(known.get(t, "") for t in unrolls)))
    head = ("network", *map(str, unrolls))
    figures = table(head, cells, "Test accuracy at each unroll in percent, means over seeds")
    return side_by_side(*unroll_charts(looped, "test"), figures)


def _curves(rows: Sequence[Row], folders: Sequence[CellFolder]) -> Markup:
    """Return the curves of each row that has finished an epoch, all on one scale."""
    known = {f: epochs for f in folders if (epochs := read_epochs(f.run)) is not None}
    looks = {figures: look(list(known.values()), figures) for figures in FIGURES}
    if not any(looks.values()):
        return Markup("")
    said = (
        "Each seed is a thin line; the thick line with signs is the mean of the finished runs, and "
        "the band its 95 % interval over seeds, drawn from three seeds on. All rows have the same "
        "scale; losses far above those of first epochs are cut off. Train figures are means over "
        "an epoch, while the weights changed."
    )
    parts = [paragraph(said)]
    for row in rows:
        own = {f: epochs for f, epochs in known.items() if f.cell.label == row.label}
        charts = [_row_chart(row, own, figures, how) for figures, how in looks.items() if how]
        if own:
            parts.append(heading(row.label) + side_by_side(*charts))
    return Markup("\n").join(parts)


def _row_chart(row: Row, own: dict[CellFolder, Epochs], figures: Figures, how: Look) -> Markup:
    if not own:
        return Markup("")
    finished = [epochs for folder, epochs in own.items() if folder.state == "finished"]
    return row_curves(row.label, list(own.values()), finished, figures, how)


def _costs(rows: Sequence[Row]) -> Markup:
    seconds = [(r.label, r.seconds_per_epoch) for r in rows if r.seconds_per_epoch is not None]
    memory = [(r.label, r.peak_bytes / MEBIBYTE) for r in rows if r.peak_bytes is not None]
    charts = (bars("Seconds per epoch", "s", seconds), bars("Peak memory", "MiB", memory))
    shown = [chart for chart in charts if chart]
    return side_by_side(*shown) if shown else Markup("")


def _configs(rows: Sequence[Row]) -> Markup:
    said = paragraph("The first seed of each; the others differ in training.seed alone.")
    files = (details(row.label, code(to_yaml(row.spec, resolved=True))) for row in rows)
    return said + Markup("\n").join(files)


def _runs(folders: Sequence[CellFolder]) -> Markup:
    rows = []
    for folder in folders:
        share = ""
        if folder.state == "finished":
            share = f"{100 * folder.run.results()['test']['accuracy']:.2f}"
        cell = folder.cell
        rows.append((cell.label, str(cell.seed), folder.state, share, folder.run.path.name))
    return table(("network", "seed", "state", "test accuracy, %", "folder"), rows, "All runs")

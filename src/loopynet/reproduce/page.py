"""A reproduction as a page: published figures beside ours, and a verdict for each claim."""

from __future__ import annotations

from collections.abc import Sequence

from loopynet.compare import Summary, markdown_tables
from loopynet.compare.table import markdown, show_epochs, show_estimate
from loopynet.reproduce.claims import Claim
from loopynet.reproduce.experiment import Experiment

CLAIM_HEAD = ("claim", "published", "measured", "verdict")
FIGURE_HEAD = ("network", "part", "published", "ours, 95 % interval", "seeds", "epochs")
PARTS = ("train", "validation", "test")


def reproduction_page(
    experiment: Experiment, summary: Summary, claims: Sequence[Claim], *, costs: bool = True
) -> str:
    """Return the page in Markdown.

    Args:
        experiment: what was reproduced.
        summary: its rows.
        claims: its claims, judged.
        costs: show time and memory, which differ from run to run.
    """
    parts = [f"# {summary.title}\n", "## Claims\n", claims_table(claims)]
    figures = figures_table(experiment, summary)
    if figures:
        parts += ["## Published and measured\n", figures]
    parts += ["## All rows\n", markdown_tables(summary, costs=costs)]
    parts += ["## Command\n", f"    {summary.command}\n"]
    return "\n".join(parts)


def claims_table(claims: Sequence[Claim]) -> str:
    """Return one line for each claim."""
    return markdown(CLAIM_HEAD, claim_cells(claims))


def claim_cells(claims: Sequence[Claim]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of each claim's line."""
    return tuple((c.claim, c.published, c.measured, c.judged) for c in claims)


def figures_table(experiment: Experiment, summary: Summary) -> str:
    """Return published figures beside ours, as far as there are published ones."""
    rows = []
    for row in summary.rows:
        for part in PARTS:
            published = experiment.published.get(row.label, {}).get(part)
            ours = getattr(row, part)
            if published is not None or (ours is not None and experiment.published):
                shown = "" if published is None else f"{published:g}"
                figures = (shown, show_estimate(ours), str(len(row.runs)), show_epochs(row))
                rows.append((row.label, part, *figures))
    return markdown(FIGURE_HEAD, rows) if rows else ""

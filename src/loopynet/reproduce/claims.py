"""A claim of the paper, what was measured, and whether it holds.

A claim that one accuracy is above another holds if the 95 % interval of the difference lies above
zero after Holm's correction for all such claims of the experiment, fails if it lies below, and is
undecided if the interval has both signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from loopynet.compare import Row, contrast
from loopynet.compare.table import show_epochs, show_estimate, show_p
from loopynet.statistics import Estimate, holm

Verdict = Literal["holds", "does not hold", "undecided", "not measured"]
LEVEL = 0.05


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        claim: the paper's words, shortened.
        published: the paper's figures for it.
        measured: ours, with the interval.
        verdict: whether ours bear it out.
        p: of the difference, before correction; None where the claim is none of a difference.
        estimate: the difference.
        seeds: how many seeds were measured; None where the claim is not about accuracy.
    """

    claim: str
    published: str
    measured: str
    verdict: Verdict
    p: float | None = None
    estimate: Estimate | None = None
    seeds: int | None = None

    @property
    def judged(self) -> str:
        """The verdict, and a warning if it rests on one seed: other seeds may differ."""
        return f"{self.verdict} (one seed)" if self.seeds == 1 else self.verdict


def above(claim: str, published: str, one: Row | None, other: Row | None) -> Claim:
    """Return the claim that one row's test accuracy is above another's, before correction."""
    difference = contrast(one, other) if one and other else None
    if difference is None:
        return Claim(claim, published, "", "not measured")
    assert one is not None
    assert other is not None
    shown = f"{show_estimate(difference.estimate, signed=True)} points, n = {difference.seeds}"
    wanted = one.spec.training.epochs
    if one.epochs != other.epochs:
        # A network that is half trained is no opponent.
        shown += f", after {show_epochs(one)} and {show_epochs(other)} epochs"
        return Claim(claim, published, shown, "not measured")
    if one.epochs != (wanted, wanted) and one.spec.training.early_stopping is None:
        shown += f", after {show_epochs(one)} epochs"
    return Claim(
        claim,
        published,
        shown,
        _verdict(difference.estimate, difference.p),
        difference.p,
        difference.estimate,
        difference.seeds,
    )


def correct_claims(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims with their verdicts corrected for the number of tests among them."""
    corrected = iter(holm([c.p for c in claims if c.p is not None]))
    judged = []
    for claim in claims:
        if claim.p is None or claim.estimate is None:
            judged.append(claim)
            continue
        p = next(corrected)
        judged.append(
            replace(
                claim,
                verdict=_verdict(claim.estimate, p),
                measured=f"{claim.measured}, corrected p {show_p(p)}",
            )
        )
    return judged


def _verdict(estimate: Estimate, p: float | None) -> Verdict:
    if p is None or p >= LEVEL:
        return "undecided"
    return "holds" if estimate.mean > 0 else "does not hold"


def show_published(one: float, other: float) -> str:
    """Return two published percentages and their difference: 56.4 - 49.7 = +6.7."""
    return f"{one:g} - {other:g} = {one - other:+.1f}"

"""The targets, and whether the measured figures meet them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy import stats

from loopynet.bench.accuracy import AccuracyLoss
from loopynet.bench.measures import PRODUCT
from loopynet.statistics import Ratio, ratio

Results = Mapping[str, Mapping[str, Any]]
FLOPS_PER_MULTIPLY_ADD = 2
PASSES = 3
"""A training step is a forward pass, and two of its size back: by the input and by the weights."""
FLAT = 1.01
TARGETS = {"steps": 1, "truncated": 2, "memory": 3, "linear": 4, "compile": 4}
"""The numbers of the targets that a group of cells decides."""
SEEDS = 3


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured for it.

    Attributes:
        number: of the target.
        what: the figure.
        limit: what it may be.
        sense: whether it may be at most or at least that.
        measured: the figure, a median over rounds where there are rounds; None if not measured.
        spread: the least and the largest round; None where there is one figure only.
        beside: absolute values, or why nothing was measured.
        unit: plain, or percent: the figures are then shares.
    """

    number: int
    what: str
    limit: float
    sense: Literal["<=", ">="]
    measured: float | None
    spread: tuple[float, float] | None = None
    beside: str = ""
    unit: Literal["", "%"] = ""

    @property
    def met(self) -> bool | None:
        """Whether the figure keeps to the limit; None if there is none."""
        if self.measured is None:
            return None
        if self.sense == "<=":
            return self.measured <= self.limit
        return self.measured >= self.limit

    @property
    def word(self) -> str:
        """Met, missed or not measured."""
        return {True: "met", False: "missed", None: "not measured"}[self.met]

    def figure(self) -> str:
        """Return the measured figure with its spread."""
        if self.measured is None:
            return ""
        if self.spread is None:
            return self._show(self.measured)
        return f"{self._show(self.measured)} ({' to '.join(map(self._show, self.spread))})"

    def bound(self) -> str:
        """Return the limit, such as "<= 0.78"."""
        return f"{self.sense} {self._show(self.limit)}"

    def _show(self, value: float) -> str:
        if self.unit == "%":
            return f"{100 * value:.0f} %"
        if value != 0 and abs(value) < 1e-3:
            return f"{value:.0e}"
        return f"{value:.5f}".rstrip("0") if 0.99 <= value < 1 else f"{value:.2f}"


def judge(
    results: Results, accuracy: AccuracyLoss | None, groups: Collection[str] = ()
) -> list[Verdict]:
    """Return a verdict for every target.

    Args:
        results: by the names of their cells.
        accuracy: of the truncated gradient, if it was measured.
        groups: of cells, whose targets are judged alone; all targets if empty.
    """
    numbers = {TARGETS[group] for group in groups if group in TARGETS}
    verdicts = [
        *_steps(results),
        *_truncated(results, accuracy),
        *_memory(results),
        *_growth(results),
    ]
    return [v for v in verdicts if not groups or v.number in numbers]


def closing_line(verdicts: Sequence[Verdict]) -> str:
    """Return "N of M targets met", and how many could not be judged."""
    judged = [verdict for verdict in verdicts if verdict.met is not None]
    line = f"{sum(bool(v.met) for v in judged)} of {len(judged)} targets met"
    rest = len(verdicts) - len(judged)
    return f"{line}, {rest} not measured" if rest else line


def rate_share(cell: Mapping[str, Any], name: str) -> Ratio:
    """Return the share of the machine's matrix-product rate that a contender's steps reach.

    A step's operations are 3 passes x 2 x multiply-adds x batch, those of a product 2 n^3.
    """
    settings, result = cell["settings"], cell["result"]
    step = PASSES * FLOPS_PER_MULTIPLY_ADD * result["multiply_adds"][name] * settings["batch"]
    factor = step / (FLOPS_PER_MULTIPLY_ADD * settings[PRODUCT] ** 3)
    found = ratio(result["seconds"][PRODUCT], result["seconds"][name])
    return Ratio(factor * found.median, factor * found.low, factor * found.high)


def _steps(results: Results) -> Iterator[Verdict]:
    cells = {
        cell["settings"]["batch"]: cell for cell in results.values() if cell["group"] == "steps"
    }
    for batch, limit in ((32, 0.78), (128, 0.5)):
        yield _against(1, "eager", batch, limit, cells.get(batch))
    for batch in sorted(cells):
        yield _against(1, "compiled", batch, 1.03, cells[batch])
    for batch in (32, 128):
        what = f"training step, batch {batch}: share of the matrix-product rate"
        cell = cells.get(batch)
        if cell is None or not _has(cell, "ours", PRODUCT):
            yield Verdict(1, what, 0.65, ">=", None, beside=_why(cell, "ours"), unit="%")
            continue
        share, seconds = rate_share(cell, "ours"), cell["result"]["seconds"]
        rate = FLOPS_PER_MULTIPLY_ADD * cell["settings"][PRODUCT] ** 3 / _middle(seconds[PRODUCT])
        beside = f"of {rate / 1e9:.0f} GFLOP/s"
        yield Verdict(1, what, 0.65, ">=", share.median, (share.low, share.high), beside, "%")


def _against(
    number: int, other: str, batch: int, limit: float, cell: Mapping[str, Any] | None
) -> Verdict:
    what = f"training step, batch {batch}: ours / {other}"
    return _ratio_verdict(number, what, limit, cell, "ours", other)


def _ratio_verdict(
    number: int, what: str, limit: float, cell: Mapping[str, Any] | None, one: str, other: str
) -> Verdict:
    if cell is None or not _has(cell, one, other):
        return Verdict(number, what, limit, "<=", None, beside=_why(cell, one, other))
    seconds = cell["result"]["seconds"]
    found = ratio(seconds[one], seconds[other])
    beside = f"{show_time(_middle(seconds[one]))} against {show_time(_middle(seconds[other]))}"
    return Verdict(number, what, limit, "<=", found.median, (found.low, found.high), beside)


def _truncated(results: Results, accuracy: AccuracyLoss | None) -> Iterator[Verdict]:
    cells: list[Mapping[str, Any] | None] = [
        cell for cell in results.values() if cell["group"] == "truncated"
    ]
    for cell in cells or [None]:
        batch = f", batch {cell['settings']['batch']}" if cell else ""
        what = f"training step{batch}: loopy with a truncated gradient / deep"
        yield _ratio_verdict(2, what, 0.55, cell, "truncated", "deep")
    what = f"points of test accuracy that a truncated gradient loses, {SEEDS} seeds"
    if accuracy is None or accuracy.seeds < SEEDS:
        seeds = accuracy.seeds if accuracy else 0
        beside = f"results/truncated has {seeds} seeds of both gradients"
        yield Verdict(2, what, 1.0, "<=", None, beside=beside)
    else:
        beside = f"{accuracy.seeds} seeds, {accuracy.epochs} epochs"
        spread = accuracy.low, accuracy.high
        yield Verdict(2, what, 1.0, "<=", accuracy.points, spread, beside)


def _memory(results: Results) -> Iterator[Verdict]:
    what = "peak of allocated bytes under recompute, k = 32 / k = 1"
    yield _bytes_verdict(what, 1.5, results, "recompute 1", "recompute 32")
    what = "recompute's gradient from the full one, float64"
    yield _gap_verdict(what, 1e-12, results.get("gradients-recompute"))
    bytes_ = results.get("memory", {}).get("result", {}).get("bytes", {})
    counts = sorted(int(name.split()[1]) for name in bytes_ if name.startswith("implicit "))
    few, many = (counts[0], counts[-1]) if counts else (5, 80)
    what = f"peak of allocated bytes under implicit, {many} / {few} iterations"
    yield _bytes_verdict(what, FLAT, results, f"implicit {few}", f"implicit {many}")
    what = "implicit's gradient from the full one at convergence, float64"
    yield _gap_verdict(what, 1e-6, results.get("gradients-implicit"))


def _bytes_verdict(what: str, limit: float, results: Results, small: str, large: str) -> Verdict:
    bytes_ = results.get("memory", {}).get("result", {}).get("bytes", {})
    if small not in bytes_ or large not in bytes_:
        return Verdict(3, what, limit, "<=", None, beside=_why(results.get("memory"), small, large))
    one, other = (bytes_[name]["allocated"] for name in (small, large))
    beside = f"{other / 1e6:.1f} MB against {one / 1e6:.1f} MB"
    return Verdict(3, what, limit, "<=", other / one, beside=beside)


def _gap_verdict(what: str, limit: float, cell: Mapping[str, Any] | None) -> Verdict:
    gap = cell["result"]["gradients"] if cell else None
    beside = "largest relative difference of any weight's gradient" if cell else _why(None)
    return Verdict(3, what, limit, "<=", gap, beside=beside)


def _growth(results: Results) -> Iterator[Verdict]:
    cell = results.get("linear")
    what = "R^2 of a straight line through a training step's time, k = 1 to 64"
    if cell is None:
        yield Verdict(4, what, 0.999, ">=", None, beside=_why(None))
    else:
        line = fit_line(cell["result"]["seconds"])
        beside = f"{show_time(line.each)} for each unroll, {show_time(line.base)} beside"
        yield Verdict(4, what, 0.999, ">=", line.r_squared, beside=beside)
    cell, what = results.get("compile"), "time to compile, k = 64 / k = 2"
    seconds = cell["result"]["seconds"]["ours"] if cell else {}
    if not {"2", "64"} <= set(seconds):
        yield Verdict(4, what, 1.2, "<=", None, beside=_why(None))
        return
    if max(map(_middle, seconds.values())) < 1:
        yield Verdict(4, what, 1.2, "<=", None, beside="nothing is compiled here")
        return
    found = ratio(seconds["64"], seconds["2"])
    beside = f"{_middle(seconds['64']):.1f} s against {_middle(seconds['2']):.1f} s"
    yield Verdict(4, what, 1.2, "<=", found.median, (found.low, found.high), beside)


@dataclass(frozen=True)
class Line:
    """A straight line through times by the number of unrolls.

    Attributes:
        base: seconds without any unroll.
        each: seconds for each unroll.
        r_squared: share of the variance that the line explains.
    """

    base: float
    each: float
    r_squared: float


def fit_line(seconds: Mapping[str, Sequence[float]]) -> Line:
    """Return the least-squares line through the medians of the rounds.

    Args:
        seconds: for each number of unrolls, one value a round.
    """
    ks = [int(k) for k in seconds]
    found = stats.linregress(ks, [_middle(values) for values in seconds.values()])
    return Line(float(found.intercept), float(found.slope), float(found.rvalue) ** 2)


def show_time(seconds: float) -> str:
    """Return a duration with three digits, such as 27.9 ms or 1.35 s."""
    if seconds < 1:
        value, unit = 1000 * seconds, "ms"
    else:
        value, unit = seconds, "s"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(0, digits)}f} {unit}"


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def _has(cell: Mapping[str, Any], *names: str) -> bool:
    return all(name in cell["result"]["seconds"] for name in names)


def _why(cell: Mapping[str, Any] | None, *names: str) -> str:
    """Return why there is no figure."""
    if cell is None:
        return "not measured in this run"
    skipped = cell["result"].get("skipped", {})
    said = [f"{name}: {skipped[name]}" for name in names if name in skipped]
    return "; ".join(said) or "not measured in this run"

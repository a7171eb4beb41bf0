"""What a comparison found: a row for each network and setting, and the differences between rows."""

from __future__ import annotations

from dataclasses import dataclass

from loopynet.run import RunFolder
from loopynet.spec import NetworkSpec
from loopynet.statistics import Estimate


@dataclass(frozen=True, eq=False)
class Row:
    """The cells that differ in their seed alone.

    Attributes:
        label: what tells the row from the others, such as "cifar10-loopy, batch size 32".
        network: the name of its spec.
        settings: what was varied, by key, such as {"training.batch_size": 32}.
        spec: the spec of its first cell.
        runs: the finished runs, in the order of their seeds.
        failures: why cells failed: "seed 3: the loss became nan ...".
        missing: how many cells have not been run, or not to their end.
        epochs: the fewest and the most epochs that its runs were trained; None without runs.
        kept: which epoch's weights were scored: "last epoch" or "best on validation".
        parameters: learned numbers.
        multiply_adds: per image.
        train: accuracy, 0 to 1, with an interval over seeds; None without runs.
        validation: the same; None without validation images.
        test: accuracy, with an interval over seeds and test images.
        test_over_seeds: the same mean, with an interval over seeds alone.
        test_over_images: the same mean, with an interval over test images alone.
        each_unroll: mean test accuracy at every unroll from `first_unroll` on.
        first_unroll: the first unroll that gives logits.
        seconds_per_epoch: median over epochs and runs.
        peak_bytes: the most memory that training took in any run; None if not measured.
        images: how many test images were looked at.
    """

    label: str
    network: str
    settings: dict[str, object]
    spec: NetworkSpec
    runs: tuple[RunFolder, ...]
    failures: tuple[str, ...]
    missing: int
    parameters: int
    multiply_adds: int
    epochs: tuple[int, int] | None = None
    kept: str | None = None
    train: Estimate | None = None
    validation: Estimate | None = None
    test: Estimate | None = None
    test_over_seeds: Estimate | None = None
    test_over_images: Estimate | None = None
    each_unroll: tuple[float, ...] = ()
    first_unroll: int = 1
    seconds_per_epoch: float | None = None
    peak_bytes: int | None = None
    images: int | None = None


@dataclass(frozen=True)
class Difference:
    """Test accuracy of one row minus that of another, on the same images and seeds.

    Attributes:
        row: the label of the one.
        baseline: the label of the other.
        estimate: the difference, -1 to 1, with an interval over seeds and test images.
        p: two-sided p-value; None if it cannot be told.
        p_corrected: after Holm's correction for all differences of the comparison.
        seeds: how many seeds both have.
    """

    row: str
    baseline: str
    estimate: Estimate
    p: float | None
    p_corrected: float | None
    seeds: int


@dataclass(frozen=True, eq=False)
class Summary:
    """A comparison.

    Attributes:
        title: its heading.
        rows: one for each network and setting.
        differences: against the baseline.
        command: what to type to get it again.
        notes: sentences that a reader of the figures needs, such as how images are encoded.
        claims_head: the headings of `claims`.
        claims: in a reproduction, one line for each claim: claim, published, measured, verdict.
    """

    title: str
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    command: str
    notes: tuple[str, ...] = ()
    claims_head: tuple[str, ...] = ()
    claims: tuple[tuple[str, ...], ...] = ()

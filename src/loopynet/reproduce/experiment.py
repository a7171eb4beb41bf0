"""What an experiment is, and how large it is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loopynet.compare import Cell, Row
from loopynet.reproduce.claims import Claim
from loopynet.reproduce.step_times import StepTimes
from loopynet.spec.training import Protocol


@dataclass(frozen=True)
class Scale:
    """How an experiment is run.

    Attributes:
        quick: fewer images and epochs.
        digits: on the bundled digits instead of the experiment's own data.
        protocol: how minibatches are taken.
        seeds: how many.
        batch_sizes: instead of the experiment's own; those if empty.
        changes: further changes of every spec, such as "training.epochs=5".
    """

    quick: bool = False
    digits: bool = False
    protocol: Protocol = "standard"
    seeds: int = 1
    batch_sizes: tuple[int, ...] = ()
    changes: tuple[str, ...] = ()

    def size_changes(self, full: Sequence[str], quick: Sequence[str]) -> list[str]:
        """Return the changes that make a spec this large: the experiment's own, then the user's."""
        own = list(quick if self.quick else full)
        if self.digits:
            own = ["input.shape=[1, 8, 8]", "data={name: digits}", *epochs_of(own)]
        return [*own, f"training.protocol={self.protocol}", *self.changes]

    def notes(self) -> list[str]:
        """Return what sets the figures apart from published ones."""
        said = []
        if self.digits:
            said.append("Trained on the bundled digits: published figures are for other images.")
        if self.quick:
            said.append("A quick run with fewer images and epochs than published.")
        if self.protocol == "published":
            said.append(
                "Minibatches are the overlapping windows of the 2016 library, in training and in "
                "evaluation: an evaluation of 1,000 images looks at the first 110."
            )
        return said


def epochs_of(changes: Sequence[str]) -> list[str]:
    """Return those of the changes that set the number of epochs."""
    return [change for change in changes if change.startswith("training.epochs=")]


@dataclass(frozen=True)
class Experiment:
    """An experiment of the paper.

    Attributes:
        name: as typed after `loopynet reproduce`.
        title: the heading of its table.
        cells: the runs, for a scale.
        claims: what the paper says of it and what the rows say, with the step times if measured.
        published: the published accuracies in percent by row label and part ("test").
        timed: the labels of the rows whose training steps are timed side by side.
        baseline: the network with which the table compares the others.
    """

    name: str
    title: str
    cells: Callable[[Scale], list[Cell]]
    claims: Callable[[Sequence[Row], StepTimes | None], list[Claim]]
    published: dict[str, dict[str, float]]
    timed: tuple[str, ...]
    baseline: str

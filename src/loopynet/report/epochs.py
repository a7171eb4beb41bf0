"""The epochs of a run, as metrics.csv has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopynet.errors import RunError
from loopynet.foreign import read_rows
from loopynet.run import RunFolder

MOST_EPOCHS = 10**9

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Epochs:
    """The finished epochs of a run.

    Attributes:
        numbers: float64 [E], 1, 2, ...
        columns: float64 [E] by name, such as "train_loss"; nan where nothing finite was written.
            Columns without any figure are left out.
    """

    numbers: Numbers
    columns: dict[str, Numbers]


def read_epochs(run: RunFolder) -> Epochs | None:
    """Return a run's epochs, or None if it finished none.

    Raises:
        RunError: metrics.csv is damaged.
    """
    if not run.metrics.is_file():
        return None
    lines = read_rows(run.metrics)
    if not lines:
        return None
    try:
        columns = {
            name: np.array([float(line[name] or "nan") for line in lines]) for name in lines[0]
        }
        numbers = columns.pop("epoch")
        if not (np.isfinite(numbers) & (numbers >= 0) & (numbers < MOST_EPOCHS)).all():
            raise ValueError("an epoch has no number")
    except (ValueError, KeyError) as error:
        raise RunError(
            f"{run.metrics}: is damaged ({error}); a report needs numbers and a column epoch"
        ) from None
    known = {name: np.where(np.isfinite(c), c, np.nan) for name, c in columns.items()}
    return Epochs(numbers, {name: c for name, c in known.items() if not np.isnan(c).all()})


def kept_epoch(kept: str, epochs: Epochs | None) -> int | None:
    """Return the epoch whose weights were kept: the last, or the first with the best validation.

    Args:
        kept: as results.json says it: "last epoch" or "best on validation".
        epochs: of the run.
    """
    if epochs is None:
        return None
    if kept == "last epoch":
        return int(epochs.numbers[-1])
    accuracy = epochs.columns.get("validation_accuracy")
    return None if accuracy is None else int(epochs.numbers[int(np.nanargmax(accuracy))])

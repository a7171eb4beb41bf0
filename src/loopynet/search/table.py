"""What a search found, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

LEAST = 10
"""Finished runs from which it is said what matters."""


def search_table(study: Study) -> str:
    """Return the runs of a search as Markdown, the best first, and which keys mattered."""
    keys = sorted({key for trial in study.trials for key in trial.user_attrs.get("values", {})})
    trials = sorted(study.trials, key=_order)
    lines = [
        _row("run", *keys, "validation accuracy, %", "epochs"),
        _row(*["---"] * (len(keys) + 3)),
    ]
    lines += [_trial(trial, keys) for trial in trials if _end(trial)]
    said = (
        "Judged on the validation images; no run has looked at test images. The best of many runs "
        "looks better on the images it was chosen by than it is: train `best.yaml` with several "
        "seeds for a figure."
    )
    return "\n".join([*lines, "", said, *_importance(study)]) + "\n"


def _order(trial: FrozenTrial) -> tuple[int, float]:
    finished = trial.state.name == "COMPLETE"
    return (0, -(trial.value or 0)) if finished else (1, trial.number)


def _end(trial: FrozenTrial) -> str:
    """Return how a run ended; empty if it was stopped with the search."""
    if trial.state.name == "COMPLETE":
        return f"{100 * (trial.value or 0):.2f}"
    if trial.state.name == "PRUNED":
        last = max(trial.intermediate_values, default=0)
        return f"cut short at {100 * trial.intermediate_values.get(last, 0):.2f}"
    reason = trial.user_attrs.get("reason", "")
    return f"failed: {reason.splitlines()[0]}" if reason else ""


def _trial(trial: FrozenTrial, keys: list[str]) -> str:
    values = trial.user_attrs["values"]
    epochs = max(trial.intermediate_values, default=0)
    return _row(str(trial.number), *(values.get(key, "") for key in keys), _end(trial), str(epochs))


def _importance(study: Study) -> list[str]:
    """Return how much of the differences each key explains (functional ANOVA)."""
    done = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    if len(done) < LEAST or len({trial.value for trial in done}) < 2:
        return []
    from optuna.importance import get_param_importances

    shares = get_param_importances(study)
    words = ", ".join(f"{key} {100 * share:.0f} %" for key, share in shares.items())
    return ["", f"Share of the differences that each key explains: {words}."]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

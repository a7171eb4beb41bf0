"""A search for hyper-parameters: runs that are judged on validation images, never on test images.

Optuna draws the values and says which runs are not worth finishing. Its record is a file beside the
runs, so that a search that was stopped goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopynet.compare.grid import change_spec, check_batch_size
from loopynet.data.seeds import mix
from loopynet.errors import DataError, LoopyNetError, SpecError
from loopynet.foreign import read_json, refuse_links, write_whole
from loopynet.search.space import Space
from loopynet.spec import NetworkSpec, to_yaml
from loopynet.training import train

if TYPE_CHECKING:
    from optuna import Study, Trial

RECORD = "optuna.log"
BEST = "best.yaml"
STARTS = 5
"""Runs before values are drawn from what was learned, and before runs are cut short."""


def search(
    spec: NetworkSpec,
    space: Space,
    folder: Path,
    trials: int,
    say: Callable[[str], None] = lambda _: None,
) -> Study:
    """Train until there are `trials` runs in the folder, and write the best one's spec.

    Values are drawn by tree-structured Parzen estimators (Bergstra et al. 2011), a run is cut short
    in an epoch whose validation accuracy is below the median of earlier runs at that epoch. A run
    that fails counts, with its reason; the search goes on.

    Args:
        spec: the network; its seed decides what is drawn.
        space: the keys that vary.
        folder: where the runs and the record lie.
        trials: how many runs there shall be in all.
        say: called with one line for each run.

    Returns:
        The study, its trials with their values and accuracies.

    Raises:
        LoopyNetError: Optuna is not installed, there are no validation images, or the folder holds
            a search of something else.
        SpecError: a key of the space makes no valid spec, whatever its value.
        DataError: the images cannot be read, and the space changes nothing of them.
    """
    if "training.batch_size" not in space:
        check_batch_size(spec, "a search")
    _check_keys(spec, space)
    study = open_study(spec, space, folder)
    _restart_unfinished(study)
    while len(_counted(study)) < trials:
        study.sampler = _sampler(mix(spec.training.seed, len(study.trials)))
        trial = study.ask()
        say(_line(study, trial, _one_run(spec, space, folder, trial, study)))
    if any(t.state.name == "COMPLETE" for t in study.trials):
        best = change_spec(spec, *changes(study.best_trial.user_attrs["values"]))
        write_whole(folder / BEST, to_yaml(best))
    return study


def _check_keys(spec: NetworkSpec, space: Space) -> None:
    """Raise SpecError for a key that fails with both ends of its range, or all of its values."""
    for key, allowed in space.items():
        wrong = []
        for text in allowed.ends:
            try:
                change_spec(spec, *changes({key: text}))
            except SpecError as error:
                wrong.append(error)
        if len(wrong) == len(allowed.ends):
            raise wrong[0]


class _NoImagesError(Exception):
    """There is nothing to judge on."""


def open_study(spec: NetworkSpec, space: Space, folder: Path) -> Study:
    """Return the study of a folder, a new one if there is none."""
    optuna = _optuna()
    folder.mkdir(parents=True, exist_ok=True)
    refuse_links(folder)
    asked = {"spec": to_yaml(spec, resolved=True), "space": {k: repr(v) for k, v in space.items()}}
    kept = folder / "search.json"
    if kept.is_file() and read_json(kept) != asked:
        raise LoopyNetError(
            f"{folder}: holds a search of another network or other values; choose another --out"
        )
    write_whole(kept, json.dumps(asked, indent=2) + "\n")
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / RECORD)))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTS, n_warmup_steps=1)
    study: Study = optuna.create_study(
        storage=storage, study_name="search", direction="maximize", pruner=pruner,
        load_if_exists=True,
    )  # fmt: skip
    return study


def changes(values: Mapping[str, str]) -> list[str]:
    """Return drawn values as changes of a spec."""
    return [f"{key}={text}" for key, text in values.items()]


def _one_run(spec: NetworkSpec, space: Space, folder: Path, trial: Trial, study: Study) -> str:
    """Train with drawn values and tell the study; returns how it ended."""
    optuna = _optuna()
    values = {key: allowed.draw(trial, key) for key, allowed in space.items()}
    trial.set_user_attr("values", values)
    if earlier := _same(study, values):
        study.tell(trial, earlier.value)
        return f"the values of run {earlier.number}, {_accuracy(earlier.value)}"
    run = folder / f"run-{trial.number:04d}"

    def watch(row: Mapping[str, Any]) -> None:
        if row["validation_accuracy"] == "":
            raise _NoImagesError
        trial.report(float(row["validation_accuracy"]), int(row["epoch"]))
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        changed = change_spec(spec, *changes(values))
        result = train(changed, str(run.resolve()), watch=watch, score=("validation",))
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return "cut short"
    except _NoImagesError:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise LoopyNetError(
            "a search judges on validation images, and data.split gives none; write a count"
        ) from None
    except LoopyNetError as error:
        if isinstance(error, DataError) and not any(k.startswith(("data", "input")) for k in space):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return f"failed: {error}"
    if result.interrupted or result.validation is None:
        raise KeyboardInterrupt  # the run counts as one that was killed, and is drawn again
    study.tell(trial, result.validation.accuracy)
    return _accuracy(result.validation.accuracy)


def _same(study: Study, values: Mapping[str, str]) -> Any:
    """Return a finished run that had these values; None if there is none.

    Training again would give the same figure.
    """
    done = (t for t in study.trials if t.state.name == "COMPLETE")
    return next((t for t in done if t.user_attrs["values"] == values), None)


def _accuracy(share: float) -> str:
    return f"validation accuracy {100 * share:.2f} %"


def _restart_unfinished(study: Study) -> None:
    """Draw the values of runs again that were stopped with the search."""
    states = _optuna().trial.TrialState
    for trial in study.trials:
        if trial.state == states.RUNNING:
            study.tell(trial.number, state=states.FAIL)
            if trial.params:
                study.enqueue_trial(trial.params)


def _counted(study: Study) -> list[Any]:
    """Return the runs that ended by themselves: finished, cut short, or failed with a reason."""
    return [
        t
        for t in study.trials
        if t.state.name in ("COMPLETE", "PRUNED") or "reason" in t.user_attrs
    ]


def _line(study: Study, trial: Trial, end: str) -> str:
    values = "  ".join(changes(trial.user_attrs["values"]))
    return f"run {len(_counted(study))}: {values}: {end}"


def _sampler(seed: int) -> Any:
    return _optuna().samplers.TPESampler(seed=seed % 2**32, n_startup_trials=STARTS)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise LoopyNetError(
            'a search needs the package optuna; pip install "loopynet[search]"'
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna

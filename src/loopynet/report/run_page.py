"""The report of one run: what is in its folder, as a page."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from loopynet.compare.cells import FAILURE
from loopynet.foreign import LARGEST_TEXT, read_bytes
from loopynet.page import Section, code, details, paragraph, render_page, side_by_side
from loopynet.report.bars import unroll_charts
from loopynet.report.curves import run_curves
from loopynet.report.epochs import Epochs, kept_epoch, read_epochs
from loopynet.report.networks import network_drawings
from loopynet.report.tables import (
    classes_table,
    costs_table,
    figures_table,
    map_classes_table,
    maps_table,
    plain_table,
    unrolls_table,
)
from loopynet.run import RunFolder
from loopynet.spec import NetworkSpec, to_yaml

REPORT = "report.html"


def report_run(run: RunFolder) -> Path:
    """Write report.html into a run folder, finished or not; an older one is replaced.

    Args:
        run: the folder.

    Returns:
        the file.

    Raises:
        RunError, SpecError: a file of the run is damaged.
    """
    run.write_text(REPORT, _page(run))
    return run.path / REPORT


def _page(run: RunFolder) -> str:
    spec, epochs = run.spec(), read_epochs(run)
    results = run.results() if (run.path / "results.json").is_file() else {}
    environment = run.environment() if (run.path / "environment.json").is_file() else {}
    sections = [
        Section("Results", _results(spec, results, epochs)),
        Section("Learning curves", _curves(results, epochs)),
        Section("Unrolls", _unrolls(results)),
        Section("Classes", classes_table(run) or map_classes_table(run, results)),
        Section("Costs", costs_table(spec, results, epochs)),
        Section("Network", network_drawings(spec)),
        Section("Data", _data(run)),
        Section("Command and environment", _environment(environment)),
        Section("Config", details("The whole config", code(to_yaml(spec, resolved=True)))),
    ]
    lead = _lead(run, spec, results, epochs)
    return render_page(f"Run {run.path.resolve().name}", [s for s in sections if s.body], lead)


def _lead(
    run: RunFolder, spec: NetworkSpec, results: Mapping[str, Any], epochs: Epochs | None
) -> str:
    """Say what the run is and how far it came."""
    done = 0 if epochs is None else len(epochs.numbers)
    what = f"{spec.name} on {spec.data.name}, seed {spec.training.seed}."
    if results and not results.get("interrupted"):
        early = ", stopped early" if results.get("stopped_early") else ""
        return f"{what} Finished: {done} of {spec.training.epochs} epochs{early}."
    state = f"{done} of {spec.training.epochs} epochs are done"
    failure = run.path / FAILURE
    if failure.is_file():
        reason = read_bytes(failure, LARGEST_TEXT).decode(errors="replace").strip()
        return f"{what} This run failed: {reason} ({state})."
    if results:
        return f"{what} This run is not finished: it was interrupted; {state}."
    return f"{what} This run is not finished: {state}, and it left no results."


def _results(spec: NetworkSpec, results: Mapping[str, Any], epochs: Epochs | None) -> Markup:
    if not any(results.get(part) for part in ("train", "validation", "test")):
        return paragraph("There are no results yet: weights are scored when training is over.")
    kept = results["kept"]
    epoch = kept_epoch(kept, epochs)
    number = "" if epoch is None else f", epoch {epoch}"
    said = f"Weights kept: {kept}{number}. n: how many images were looked at."
    if spec.training.protocol == "published":
        said += " The evaluation is that of the 2016 library: the mean over overlapping windows."
    maps = maps_table(results)
    if maps:
        said += " Accuracy and loss are means over the labeled positions of all images."
    return figures_table(results) + maps + paragraph(said)


def _curves(results: Mapping[str, Any], epochs: Epochs | None) -> Markup:
    if epochs is None:
        return paragraph("No epoch is finished yet.")
    kept = None
    if results and not results.get("interrupted"):
        kept = kept_epoch(results["kept"], epochs)
    charts = [chart for f in ("accuracy", "loss") if (chart := run_curves(epochs, f, kept))]
    said = (
        "Train figures are means over an epoch, while the weights changed; validation figures are "
        "those of the weights at its end."
    )
    return side_by_side(*charts) + paragraph(said) if charts else Markup("")


def _unrolls(results: Mapping[str, Any]) -> Markup:
    rows = unrolls_table(results)
    if not rows:
        return Markup("")
    test = results["test"]
    charts = unroll_charts([("test", test.get("first_unroll", 1), test["accuracies"])], "test")
    return side_by_side(*charts, rows)


def _data(run: RunFolder) -> Markup:
    provenance = run.provenance() if (run.path / "data.json").is_file() else {}
    return plain_table(provenance, "Where the images come from") if provenance else Markup("")


def _environment(environment: Mapping[str, Any]) -> Markup:
    if not environment:
        return Markup("")
    rest = {key: value for key, value in environment.items() if key != "command"}
    typed = code(_command(environment["command"])) if environment.get("command") else Markup("")
    return typed + details("Versions and machine", plain_table(rest, "Environment"))


def _command(words: Sequence[str]) -> str:
    """Return a run's command; `python -m loopynet` is known by the name of its file."""
    program = ["python", "-m", "loopynet"] if words[0] == "__main__.py" else [words[0]]
    return shlex.join([*program, *words[1:]])

"""The cells of a comparison: every network with every setting and every seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from loopynet.compare.cells import Cell
from loopynet.errors import SpecError
from loopynet.spec import NetworkSpec, TrainingSpec, to_yaml
from loopynet.spec.read import override, validate
from loopynet.spec.source import parse_source


def grid(
    specs: Sequence[NetworkSpec],
    vary: Mapping[str, Sequence[str]] | None = None,
    seeds: int = 1,
) -> list[Cell]:
    """Return one cell for each network, setting and seed, networks outermost, seeds innermost.

    Args:
        specs: the networks. A spec's seed is the first of its seeds; the others follow it.
        vary: the values of keys, as they stand in YAML: {"training.batch_size": ["5", "32"]}.
        seeds: how many seeds.

    Raises:
        SpecError: a setting that makes no valid spec, or one that leaves the batch size open.
    """
    vary = vary or {}
    cells = []
    for spec in specs:
        for values in product(*map(dict.fromkeys, vary.values())):  # a value twice is one setting
            settings = dict(zip(vary, values, strict=True))
            changes = [f"{key}={value}" for key, value in settings.items()]
            for seed in range(spec.training.seed, spec.training.seed + seeds):
                changed = change_spec(spec, *changes, f"training.seed={seed}")
                check_batch_size(changed, "a comparison")
                cells.append(Cell(changed, settings))
    return cells


def check_batch_size(spec: NetworkSpec, what: str) -> None:
    """Raise SpecError for a batch size that would depend on what is free when a run begins."""
    if spec.training.batch_size == "auto":
        raise SpecError(
            f"training.batch_size is auto, with which the runs of {what} would differ by the "
            "memory that is free when they begin; write a number"
        )


def change_spec(spec: NetworkSpec, *changes: str) -> NetworkSpec:
    """Return the spec with changes such as "training.epochs=5" made.

    Raises:
        SpecError: the result is no valid spec.
    """
    source = parse_source(to_yaml(spec, resolved=True), spec.name)
    if any(change.partition("=")[0].strip() == "training.recipe" for change in changes):
        for key in _not_its_own(spec.training):
            del source.data["training"][key]
    return validate(override(source, changes))


def _not_its_own(training: TrainingSpec) -> set[str]:
    """Return the keys that nobody wrote: defaults, and what the recipe says.

    Written out with every default they would all come before another recipe's values.
    """
    own = training.model_fields_set
    if training.recipe is not None:
        recipe = TrainingSpec.model_validate({"recipe": training.recipe})
        own = {key for key in own if getattr(training, key) != getattr(recipe, key)}
    return {*TrainingSpec.model_fields} - own

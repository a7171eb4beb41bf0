"""Cells and their folders: a cell is one run, found again by its resolved config."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from loopynet.errors import LoopyNetError
from loopynet.foreign import read_text, refuse_links
from loopynet.run import RunFolder
from loopynet.spec import NetworkSpec, read_spec
from loopynet.spec.write import resolved_document

FAILURE = "failure.txt"
"""Why a cell failed; removed when it is tried again."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One run of a comparison.

    Attributes:
        spec: the network, its data, its training and its seed.
        settings: the values of what the comparison varies, by key.
    """

    spec: NetworkSpec
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What tells its row from others: the network's name and the settings."""
        words = [f"{key.split('.')[-1].replace('_', ' ')} {v}" for key, v in self.settings.items()]
        return ", ".join([self.spec.name, *words])

    @property
    def seed(self) -> int:
        """The seed of its run."""
        return self.spec.training.seed


@dataclass(frozen=True, eq=False)
class CellFolder:
    """A cell and the run folder that is its own.

    Attributes:
        cell: the cell.
        run: its folder; not there yet if nothing of it was run.
    """

    cell: Cell
    run: RunFolder

    @property
    def state(self) -> Literal["finished", "failed", "unfinished"]:
        """How far it is, by what lies in its folder."""
        if is_finished(self.run):
            return "finished"
        return "failed" if (self.run.path / FAILURE).is_file() else "unfinished"

    @property
    def failure(self) -> str:
        """Why it failed; empty if it did not."""
        try:
            return read_text(self.run.path / FAILURE).strip()
        except LoopyNetError:
            return ""


def is_finished(run: RunFolder) -> bool:
    """Say whether a run was trained to its end and scored."""
    try:
        return run.results()["interrupted"] is False
    except LoopyNetError:
        return False


def find_cells(folder: Path, cells: Iterable[Cell]) -> list[CellFolder]:
    """Return each cell with its folder: the run in `folder` that has its config, or a new name.

    Runs are told apart by their whole config, not by the names of their folders, so that a run
    that `loopynet train` left counts too. A finished run goes before one that is not.
    """
    known = _known(folder)
    found = []
    for cell in cells:
        identity = _identity(cell.spec)
        path = known.get(identity) or folder / _name(cell.spec, identity)
        found.append(CellFolder(cell, RunFolder(path)))
    return found


def _known(folder: Path) -> dict[str, Path]:
    known: dict[str, Path] = {}
    for config in sorted(folder.glob("*/config.yaml")):
        try:
            refuse_links(config.parent)
            identity = _identity(read_spec(config))
        except LoopyNetError:  # another program's config.yaml, that of a newer version, links out
            continue
        if identity not in known or not is_finished(RunFolder(known[identity])):
            known[identity] = config.parent
    return known


def _identity(spec: NetworkSpec) -> str:
    """Return a text that is equal for equal configs only; defaults and templates are resolved."""
    return json.dumps(resolved_document(spec), sort_keys=True)


def _name(spec: NetworkSpec, identity: str) -> str:
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    return f"{spec.name}-batch{spec.training.batch_size}-seed{spec.training.seed}-{digest}"

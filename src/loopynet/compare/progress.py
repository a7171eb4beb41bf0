"""One line for each cell: how far it is, and when it will be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from loopynet.compare.cells import CellFolder
from loopynet.errors import RunError
from loopynet.foreign import read_rows
from loopynet.run import RunFolder


class CellLines:
    """A live line for each cell on a terminal; elsewhere a line when it starts and when it ends.

    Args:
        folders: all cells of the comparison.
        console: where to draw.
    """

    def __init__(self, folders: Sequence[CellFolder], console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(24),
            TextColumn("{task.fields[state]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[CellFolder, TaskID] = {}
        self._elsewhere: set[CellFolder] = set()
        width = max((len(_name(f)) for f in folders), default=0)
        for folder in folders:
            done, state = _progress(folder)
            self._tasks[folder] = self._progress.add_task(
                _name(folder).ljust(width),
                total=folder.cell.spec.training.epochs,
                completed=done,
                state=state,
            )

    def __enter__(self) -> CellLines:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def started(self, folder: CellFolder) -> None:
        """Say that a cell starts."""
        self._say(f"{_name(folder)}: started, {folder.cell.spec.training.epochs} epochs")

    def ended(self, folder: CellFolder) -> None:
        """Say how a cell ended."""
        self.refresh([folder])
        self._say(f"{_name(folder)}: {_progress(folder)[1]}")

    def elsewhere(self, folder: CellFolder) -> None:
        """Say, once, that another process is running a cell."""
        if folder not in self._elsewhere:
            self._elsewhere.add(folder)
            self._say(f"{_name(folder)}: another process is running it; waiting")

    def refresh(self, folders: Iterable[CellFolder]) -> None:
        """Bring the lines of these cells up to date."""
        for folder in folders:
            done, state = _progress(folder)
            self._progress.update(self._tasks[folder], completed=done, state=state)

    def _say(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(line)


def _name(folder: CellFolder) -> str:
    return f"{folder.cell.label}, seed {folder.cell.seed}"


def _progress(folder: CellFolder) -> tuple[int, str]:
    """Return how many epochs a cell has, and a few words on its state."""
    epochs = folder.cell.spec.training.epochs
    if folder.state == "failed":
        return 0, f"failed: {folder.failure}"
    rows = _rows(folder.run)
    if folder.state == "finished":
        test = folder.run.results()["test"]["accuracy"]
        return epochs, f"done, test accuracy {100 * test:.2f} %"
    if not rows:
        return 0, f"epoch 0/{epochs}"
    left = (epochs - len(rows)) * sum(map(_seconds, rows)) / len(rows)
    return len(rows), f"epoch {len(rows)}/{epochs}, {show_seconds(left)} left"


def _rows(run: RunFolder) -> list[dict[str, str]]:
    try:
        return read_rows(run.metrics)
    except RunError:
        return []


def _seconds(row: dict[str, str]) -> float:
    """Return what an epoch took; 0 if the file does not say."""
    try:
        seconds = float(row.get("seconds") or 0)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 10**9 else 0.0


def show_seconds(seconds: float) -> str:
    """Return a duration as people write it: 40 s, 12 min, 3 h 05 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"

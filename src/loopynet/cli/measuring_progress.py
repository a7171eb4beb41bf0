"""A moving bar for the parts of a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

    from loopynet.explain.sample import Progress as Callback


@contextmanager
def live_progress(console: Console) -> Iterator[Callback]:
    """Give a callback that shows one bar for the part that runs."""
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("")

        def tell(what: str, done: int, count: int) -> None:
            bar.update(task, description=what, completed=done, total=count)

        yield tell

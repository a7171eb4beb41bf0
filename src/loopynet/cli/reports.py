"""Reports that are written when the work is done, which they must not spoil."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loopynet.errors import LoopyNetWarning


@contextmanager
def report_must_not_fail(folder: Path) -> Iterator[None]:
    """Turn any failure to write a folder's report into a warning: its runs are what matters."""
    try:
        yield
    except Exception as error:
        warnings.warn(f"{folder}: no report.html was written ({error})", LoopyNetWarning)  # noqa: B028

"""Files that may come from a stranger: read up to a limit, and never through a link that leads out.

SECURITY.md says what is promised of each reader.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

from loopynet.errors import LoopyNetError, RunError

LARGEST_TEXT = 4_000_000
"""Bytes of a text file of a run folder: ten thousand epochs or unrolls take half of it."""

DEEPEST = 20
"""Levels of a JSON file, or of a run folder."""

MOST_ROWS = 100_000
MOST_COLUMNS = 100
"""Of a table with a row for each epoch."""

_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)


def read_bytes(
    path: Path, limit: int, error: type[LoopyNetError] = RunError, *, pipes: bool = False
) -> bytes:
    """Return a file's content.

    Args:
        path: the file.
        limit: the most bytes that it may have; no more are read.
        error: what is raised.
        pipes: whether it may be a pipe or a device, as a file that a user named may be.

    Raises:
        error: the file is missing, no plain file, cannot be read, or is larger.
    """
    content = read_start(path, limit + 1, error, pipes=pipes)
    if len(content) > limit:
        raise error(f"{path}: larger than {limit} bytes; no such file is")
    return content


def read_start(
    path: Path, count: int, error: type[LoopyNetError] = RunError, *, pipes: bool = False
) -> bytes:
    """Return up to `count` bytes of a file's beginning; otherwise as `read_bytes`."""
    try:
        # a pipe that nobody writes into would be waited for
        descriptor = os.open(path, os.O_RDONLY | (0 if pipes else _WITHOUT_WAITING))
        with open(descriptor, "rb") as file:  # noqa: PTH123
            if not pipes and not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise error(f"{path}: cannot be read (it is no plain file)")
            return file.read(count)
    except (OSError, ValueError) as found:
        reason = getattr(found, "strerror", None) or str(found)
        raise error(f"{path}: cannot be read ({reason})") from None


def read_text(
    path: Path,
    limit: int = LARGEST_TEXT,
    error: type[LoopyNetError] = RunError,
    *,
    pipes: bool = False,
) -> str:
    """Return a UTF-8 file's text; otherwise as `read_bytes`."""
    content = read_bytes(path, limit, error, pipes=pipes)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as found:
        raise error(f"{path}: cannot be read ({found})") from None


def read_json(path: Path) -> Any:
    """Return a JSON file's data.

    Raises:
        RunError: it is missing, damaged, large, deep, or has text that cannot be written again.
    """
    try:
        data = json.loads(read_text(path))
    except RecursionError:
        raise RunError(f"{path}: nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise RunError(f"{path}: cannot be read ({error})") from None
    _check_plain(data, path)
    return data


def _check_plain(data: Any, path: Path) -> None:
    """Raise RunError for data that is deep, or has half of a character."""
    level = [data]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and not encodes(value):
                raise RunError(f"{path}: has half a character (a surrogate)")
        if not below:
            return
        level = below
    raise RunError(f"{path}: nested deeper than {DEEPEST} levels")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, by the names of its head; cells that lack are empty.

    Raises:
        RunError: it is missing, damaged or large, or a row has more cells than the head.
    """
    rows: list[dict[str, str]] = []
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restval="")
        if len(reader.fieldnames or ()) > MOST_COLUMNS:
            raise RunError(f"{path}: is damaged (more than {MOST_COLUMNS} columns)")
        for row in reader:
            if None in row:
                raise RunError(f"{path}: is damaged (line {reader.line_num} has too many cells)")
            if len(rows) == MOST_ROWS:
                raise RunError(f"{path}: is damaged (more than {MOST_ROWS} rows)")
            rows.append(row)
    except csv.Error as error:
        raise RunError(f"{path}: is damaged ({error})") from None
    return rows


def encodes(text: str) -> bool:
    """Return whether a text can be written in UTF-8; half a character (a surrogate) cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse_links(folder: Path) -> None:
    """Raise RunError if anything in a run folder is a link that leads out of it.

    What is read through such a link would go into reports and uploads, and what is written through
    it into other folders. The cache of the Hugging Face hub is made of links, from
    `snapshots/COMMIT` to `blobs`, and is taken.
    """
    home = os.path.realpath(folder)
    within = [home]
    if Path(home).parent.name == "snapshots":
        within.append(str(Path(home).parents[1] / "blobs"))
    waiting = [(str(folder), 0)]
    while waiting:
        here, depth = waiting.pop()
        if depth > DEEPEST:
            raise RunError(f"{folder}: has folders more than {DEEPEST} levels deep")
        for entry in _entries(here):
            if entry.is_symlink():
                _check_link(entry.path, within)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, depth + 1))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise RunError(f"{folder}: cannot be read ({error.strerror})") from None


def _check_link(path: str, within: list[str]) -> None:
    target = Path(os.path.realpath(path))
    if not any(target.is_relative_to(place) for place in within):
        raise RunError(
            f"{path}: is a link that leads out of the run folder, to {target}; put a copy there"
        )


def write_new(partial: Path, content: bytes) -> None:
    """Write a file that must not be a link to another; what stands there is removed first."""
    partial.unlink(missing_ok=True)
    with partial.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all, also if the power fails.

    A link in its place is replaced, never followed.

    Raises:
        OSError: it cannot be written, as on a full disk; what stood there before is still there.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        write_new(partial, content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        error.filename, error.filename2 = str(path), None  # the file that the user knows
        raise
    _keep_entry(path.parent)


def _keep_entry(folder: Path) -> None:
    """Let a folder's entries reach the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    except OSError:  # not every file system can
        pass
    finally:
        os.close(descriptor)

"""Runs the cells that are not finished, each in a process of its own.

A cell that crashes takes no other with it, and its memory is its own. The process is
`loopynet resume` on a folder that holds a config: it starts the run, or goes on with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console

from loopynet.compare.cells import FAILURE, CellFolder, is_finished
from loopynet.compare.progress import CellLines
from loopynet.foreign import refuse_links
from loopynet.run import RunFolder

POLL_SECONDS = 0.2
LAST_OF_LOG = 100_000
LOG = "log.txt"
"""What the process of a cell printed."""


@dataclass
class _Running:
    folder: CellFolder
    process: subprocess.Popen[bytes]
    lock: IO[bytes]


def run_cells(folders: Sequence[CellFolder], console: Console, jobs: int = 1) -> None:
    """Run the cells that are not finished; failed ones are tried again.

    A failed cell leaves its reason in its folder and does not stop the others. A cell that another
    process is running is waited for. Ctrl-C lets the running cells save what they have.

    Args:
        folders: the cells; finished ones are passed over.
        console: where the lines of progress go.
        jobs: how many cells run at once; the processor's cores are shared out among them.
    """
    waiting = [f for f in folders if f.state != "finished"]
    running: list[_Running] = []
    with CellLines(folders, console) as lines:
        try:
            while waiting or running:
                _start_some(waiting, running, jobs, lines)
                time.sleep(POLL_SECONDS)
                for job in [job for job in running if job.process.poll() is not None]:
                    running.remove(job)
                    _end(job)
                    lines.ended(job.folder)
                lines.refresh([job.folder for job in running])
        except KeyboardInterrupt:
            _stop(running)
            raise


def _start_some(
    waiting: list[CellFolder], running: list[_Running], jobs: int, lines: CellLines
) -> None:
    """Start waiting cells while there is room; those locked by another process stay waiting."""
    for folder in list(waiting):
        if len(running) >= jobs:
            return
        lock = _lock(folder.run.path)
        if lock is None:
            lines.elsewhere(folder)
            continue
        waiting.remove(folder)
        if folder.state == "finished":  # by the process that held the lock
            lock.close()
            lines.ended(folder)
            continue
        lines.started(folder)
        running.append(_start(folder, lock, jobs))


def _start(folder: CellFolder, lock: IO[bytes], jobs: int) -> _Running:
    prepare_cell(folder)
    return _Running(folder, _process(folder.run, lock, jobs), lock)


def prepare_cell(folder: CellFolder) -> None:
    """Put into a cell's folder what its process begins with."""
    run = folder.run
    (run.path / FAILURE).unlink(missing_ok=True)
    (run.path / "checkpoints").mkdir(parents=True, exist_ok=True)
    if not (run.path / "config.yaml").is_file():
        run.write_spec(folder.cell.spec)


def _process(run: RunFolder, lock: IO[bytes], jobs: int) -> subprocess.Popen[bytes]:
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    with (run.path / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "loopynet", "resume", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"OMP_NUM_THREADS": threads, **os.environ},
            # The child holds the lock too: if this process is killed, the cell stays taken until
            # its own process ends.
            pass_fds=(lock.fileno(),),
        )


def run_here(path: str) -> None:
    """Run the cell in a prepared folder, in a process of its own; leave its reason if it fails.

    It is what a worker of a cluster does. A cell that another process has is waited for: it may be
    what a lost worker left behind, and nobody else looks at how that ends.
    """
    run = RunFolder(Path(path))
    while (lock := _lock(run.path)) is None:
        time.sleep(POLL_SECONDS)
    with lock:
        if is_finished(run):
            return
        process = _process(run, lock, jobs=os.cpu_count() or 1)
        process.wait()
        _note_failure(run, process.returncode)


def _end(job: _Running) -> None:
    """Note why a cell failed, if it did, and let go of its folder."""
    _note_failure(job.folder.run, job.process.returncode)
    job.lock.close()


def _note_failure(run: RunFolder, status: int) -> None:
    if not is_finished(run):
        run.write_text(FAILURE, _reason(run, status) + "\n")


def _reason(run: RunFolder, status: int) -> str:
    """Return the last message of a cell's process, or how it ended."""
    if status < 0:
        return f"its process was killed by {signal.Signals(-status).name}"
    with (run.path / LOG).open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_OF_LOG))
        text = log.read().decode(errors="replace")
    said = [line for line in text.splitlines() if line.strip()]
    ours = [line for line in said if line.startswith("loopynet: ") and "warning:" not in line]
    last = (ours or said or [f"its process ended with status {status}"])[-1]
    return last.removeprefix("loopynet: ")


def _stop(running: list[_Running]) -> None:
    """Let the cells save what they have, as Ctrl-C does for a single run."""
    for job in running:
        job.process.send_signal(signal.SIGINT)
    for job in running:
        job.process.wait()
        job.lock.close()


def _lock(path: Path) -> IO[bytes] | None:
    """Return the folder's lock, or None if another process has it."""
    path.mkdir(parents=True, exist_ok=True)
    refuse_links(path)
    file = (path / ".lock").open("ab")
    try:
        import fcntl
    except ImportError:  # Windows: two comparisons must not share a folder there
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file

"""Processes that take turns: one runs at a time, so that what the machine does else meets all."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from loopynet.bench.same import BenchError

Name = TypeVar("Name")


@dataclass(frozen=True)
class Place:
    """Where a benchmark runs.

    Attributes:
        device: cpu or cuda.
        threads: of torch, in each process.
        folder: an empty one for caches, answers and logs; its owner removes it.
        workers: processes that stay for later cells, by what they do.
    """

    device: str
    threads: int
    folder: Path
    workers: dict[str, Worker] = field(default_factory=dict)

    def worker(self, who: str, task: str, settings: Mapping[str, Any]) -> Worker:
        """Return the process of this name with a new task; it is started the first time.

        A contender keeps its process from cell to cell, and shares it with no other: what it
        does to its process is its own.
        """
        if who in self.workers and not self.workers[who].alive:
            self.workers.pop(who).close()
        if who in self.workers:
            self.workers[who].start(task, settings)
        else:
            self.workers[who] = Worker(task, self, settings)
        return self.workers[who]

    def close(self) -> None:
        """End the processes."""
        while self.workers:
            self.workers.popitem()[1].close()


class Worker:
    """A process with one task, which does something only when it is asked to.

    Args:
        task: a name in `loopynet.bench.tasks.TASKS`.
        place: where it runs.
        settings: of the task.
        cache: where torch.compile keeps what it made; the place's own if None.

    Raises:
        BenchError: the task cannot be set up.
    """

    def __init__(
        self, task: str, place: Place, settings: Mapping[str, Any], cache: Path | None = None
    ) -> None:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(place.threads),
            "TORCHINDUCTOR_CACHE_DIR": str(cache or place.folder / "compiled"),
        }
        self._log = place.folder / "workers.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "loopynet.bench.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env=environment, text=True, encoding="utf-8",
            )  # fmt: skip
        self._threads = place.threads
        try:
            self.start(task, settings)
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def start(self, task: str, settings: Mapping[str, Any]) -> None:
        """Begin another task in the same process."""
        self.ask("start", task=task, threads=self._threads, settings=dict(settings))

    def ask(self, do: str, **arguments: Any) -> Any:
        """Return what a method of the task gives.

        Raises:
            BenchError: it failed, or the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            last = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
            raise BenchError(" ".join([f"a worker ended with status {status}", *last]))
        reply = json.loads(line)
        if "error" in reply:
            raise BenchError(reply["error"])
        return reply["result"]

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # it is in the middle of a step
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()


def take_turns(runs: Mapping[Name, Callable[[], float]], rounds: int) -> dict[Name, list[float]]:
    """Call each once a round; the one that begins changes from round to round.

    Args:
        runs: functions that return what they measured.
        rounds: how many.

    Returns:
        For each name one figure a round.
    """
    names: Sequence[Name] = list(runs)
    found: dict[Name, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            found[name].append(runs[name]())
    return found

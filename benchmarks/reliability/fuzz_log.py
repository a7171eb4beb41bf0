"""What a fuzzing process notes: counts, and an input for each kind of finding."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

LONGEST = 5.0
"""Seconds that an input may take."""


class Log:
    """What happened in this process, kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0
        self.started = time.monotonic()

    def finding(self, data: bytes, error: BaseException) -> None:
        """Keep an input, unless one with an error of the same kind at the same place is there."""
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if "/loopynet/" in f.filename] or frames
        where = f"{Path(ours[-1].filename).name}:{ours[-1].name}"
        key = hashlib.sha1(f"{type(error).__name__} {where}".encode()).hexdigest()[:12]
        self.counts["findings"] += 1
        file = self.folder / f"{key}.json"
        if not file.exists():
            (self.folder / f"{key}.bin").write_bytes(data)
            said = {"error": type(error).__name__, "where": where, "message": str(error)[:300]}
            file.write_text(json.dumps(said, indent=2))

    def save(self) -> None:
        """Write the counts."""
        seconds = time.monotonic() - self.started
        said = {**self.counts, "slowest": self.slowest, "seconds": seconds}
        (self.folder / "counts.partial").write_text(json.dumps(said))
        (self.folder / "counts.partial").replace(self.folder / "counts.json")


def guarded(
    target: Callable[[bytes], None], log: Log, our_error: type[Exception]
) -> Callable[[bytes], None]:
    """Return a target that notes what it must not do, and raises nothing."""

    def once(data: bytes) -> None:
        log.counts["inputs"] += 1
        start = time.process_time()  # other programs may hold this one up
        try:
            target(bytes(data))
            log.counts["taken"] += 1
        except our_error:
            log.counts["refused"] += 1
        except Exception as error:
            log.finding(bytes(data), error)
        seconds = time.process_time() - start
        if seconds > LONGEST:
            try:
                raise TimeoutError(f"took {seconds:.1f} s")
            except TimeoutError as error:
                log.finding(bytes(data), error)
        log.slowest = max(log.slowest, seconds)
        if log.counts["inputs"] % 100 == 0:
            log.save()

    return once

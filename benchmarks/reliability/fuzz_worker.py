"""One process that fuzzes one reader; `fuzz.py` starts it, and reads what it leaves.

An input that makes the reader raise anything but a LoopyNetError, or take over 5 s, is written into
the findings once for each place in the code, and fuzzing goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import atheris

LONGEST = 5.0
"""Seconds that an input may take."""

_INSTRUMENTED = {
    "config": ["loopynet", "yaml"],
    "override": ["loopynet", "yaml"],
    "literal": ["loopynet", "ast"],
    "weights": ["loopynet", "safetensors"],
    "answers": ["loopynet", "safetensors"],
    "image": ["loopynet", "PIL"],
    "idx": ["loopynet", "gzip"],
    "run_files": ["loopynet", "json", "csv"],
}


class Log:
    """What happened in this process, kept in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0
        self.started = time.monotonic()

    def finding(self, data: bytes, error: BaseException) -> None:
        """Keep an input, unless one with an error of the same kind at the same place is there."""
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if "loopynet" in f.filename] or frames
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


def guarded(target, log: Log, our_error: type[Exception]):
    """Return a target that records what it must not do, and raises nothing."""

    def once(data: bytes) -> None:
        log.counts["inputs"] += 1
        start = time.monotonic()
        try:
            target(bytes(data))
            log.counts["taken"] += 1
        except our_error:
            log.counts["refused"] += 1
        except Exception as error:
            log.finding(bytes(data), error)
        seconds = time.monotonic() - start
        if seconds > LONGEST:
            try:
                raise TimeoutError(f"took {seconds:.1f} s")
            except TimeoutError as error:
                log.finding(bytes(data), error)
        log.slowest = max(log.slowest, seconds)
        if log.counts["inputs"] % 500 == 0:
            log.save()

    return once


def _instrumented(target: str):
    """Return a context in which what is imported counts the edges that it takes."""
    modules = _INSTRUMENTED[target]
    return atheris.instrument_imports(include=modules, enable_loader_override=False)


def main() -> None:
    """Fuzz one target until its inputs or its time are used up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=sorted(_INSTRUMENTED))
    parser.add_argument("work", type=Path)
    parser.add_argument("inputs", type=int)
    parser.add_argument("seconds", type=int)
    parser.add_argument("seed", type=int)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    with _instrumented(options.target):
        import fuzz_targets

        from loopynet.errors import LoopyNetError
    target = fuzz_targets.TARGETS[options.target]
    findings = options.work / "findings"
    log = Log(findings)
    words = [
        f"-runs={options.inputs}",
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        f"-dict={options.work / 'words.dict'}",
        f"-artifact_prefix={findings}/",
        "-timeout=20",
        "-rss_limit_mb=3000",
        "-max_len=4096",
        "-print_final_stats=1",
        str(options.work / "corpus"),
    ]
    with _instrumented(options.target):
        for seed in sorted((options.work / "corpus").iterdir())[:20]:  # late imports
            with contextlib.suppress(Exception):
                target(seed.read_bytes())
    atheris.Setup([sys.argv[0], *words], guarded(target, log, LoopyNetError))
    log.save()
    atheris.Fuzz()


if __name__ == "__main__":
    main()

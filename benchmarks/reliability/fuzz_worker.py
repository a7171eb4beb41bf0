"""One process that fuzzes one reader; `fuzz.py` starts it, and reads what it leaves.

An input that makes the reader raise anything but a LoopyNetError, or take over 5 s, is written into
the findings once for each place in the code, and fuzzing goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_log import Log, guarded

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

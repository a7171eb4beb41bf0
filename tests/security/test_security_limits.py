"""Hostile network files end soon and in little memory, each in a process with a limit on it.

The files are those of benchmarks/reliability/limits.py, which measures them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks/reliability"))

import limits  # noqa: E402

sys.path.pop(0)

ADDRESS_SPACE = 800 * 2**20
"""Bytes; most of it is reserved by libraries and never used. A string of 10 GB does not fit."""

NAMES = [
    "10^9 filters",
    "10^6 unrolls",
    "10^4 untied unrolls",
    "a string of 10 GB",
    "aliases that expand to 10^37 values",
    "100,000 levels",
    "an old file of 10 GB",
    "an old file of a power",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_ends_soon_and_in_little_memory(name: str) -> None:
    case = limits.CASES[name]
    _, _, said = limits.run(case, limit=ADDRESS_SPACE, timeout=60)
    assert not said.startswith(("status", "timed out")), said
    assert said.startswith("loopynet: ") or not case.refused, said


def test_the_limit_holds() -> None:
    """A process that wants more does fail, else the tests above show nothing."""
    _, _, said = limits.run_words(["-c", "bytearray(900 * 2**20)"], ADDRESS_SPACE)
    assert "MemoryError" in said

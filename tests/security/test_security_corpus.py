"""Inputs that once were findings of the fuzzers are taken or refused, and so are their seeds."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

from loopynet.errors import LoopyNetError

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks/reliability"))

from fuzz_seeds import seeds  # noqa: E402
from fuzz_targets import TARGETS  # noqa: E402

sys.path.pop(0)

CORPUS = sorted(file for file in (Path(__file__).parent / "corpus").rglob("*") if file.is_file())
QUICK = sorted(set(TARGETS) - {"parquet", "report", "command"})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", CORPUS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_findings_stay_mended(file: Path) -> None:
    with contextlib.suppress(LoopyNetError):
        TARGETS[file.parent.name](file.read_bytes())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", QUICK)
def test_seeds_are_taken_or_refused(name: str) -> None:
    """The fuzzers start at inputs of which some are taken: others would reach nothing."""
    taken = 0
    for data in seeds(name):
        with contextlib.suppress(LoopyNetError):
            TARGETS[name](data)
            taken += 1
    assert taken


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["parquet", "report", "command"])
def test_slow_targets_take_their_first_seed(name: str) -> None:
    TARGETS[name](seeds(name)[0])

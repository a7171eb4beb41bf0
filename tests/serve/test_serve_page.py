"""docs/explorer.md is in step with what was measured, and shows pictures that are there."""

from __future__ import annotations

import json
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import explorer_speed  # noqa: E402

sys.path.pop(0)
PAGE = (ROOT / "docs/explorer.md").read_text(encoding="utf-8")


def test_the_page_says_what_was_measured() -> None:
    assert explorer_speed.sentence() in PAGE.replace("\n", " ")


def test_every_action_was_measured_and_is_fast_enough() -> None:
    found = json.loads(explorer_speed.DATA.read_text(encoding="utf-8"))
    assert found["network"] == "cifar10-loopy"
    every = found["milliseconds"]
    assert set(every) == {*explorer_speed.ACTIONS, *explorer_speed.CHANGES}
    for times in every.values():
        assert len(times) == explorer_speed.ROUNDS
        assert statistics.median(times) < explorer_speed.LIMIT


def test_every_tab_has_a_picture() -> None:
    shown = set(re.findall(r"images/explorer-(\w+)\.png", PAGE))
    assert shown == {"see", "change", "compare", "build"}

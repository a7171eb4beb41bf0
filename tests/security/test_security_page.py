"""docs/security.md is in step with its data, and SECURITY.md with the limits in the code."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks/reliability"))

import security_page  # noqa: E402
from fuzz_targets import TARGETS  # noqa: E402

sys.path.pop(0)

PROMISES = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_the_page_is_in_step_with_the_data() -> None:
    assert security_page.PAGE.read_text(encoding="utf-8") == security_page.page()


def test_a_million_inputs_and_nothing_left() -> None:
    found = json.loads((security_page.DATA / "fuzz.json").read_text())
    assert set(found) == set(TARGETS)
    assert sum(done["inputs"] for done in found.values()) >= 1_000_000
    assert not [done["findings"] for done in found.values() if done["findings"]]


def test_promised_limits_are_those_of_the_code() -> None:
    from loopynet import foreign
    from loopynet.data import decode
    from loopynet.legacy import literal
    from loopynet.network import weights
    from loopynet.spec import source

    assert source.LARGEST_FILE == 10**6
    said = [
        f"1 MB, {source.LARGEST_DOCUMENT:,} values, {source.DEEPEST} levels",
        f"{literal.MAX_CHARACTERS:,} characters, {literal.MAX_DEPTH} levels",
        f"{literal.MAX_ITEMS:,} items",
        f"header ends at {weights.LARGEST_HEADER // 10**6} MB",
        f"up to {foreign.LARGEST_TEXT // 10**6} MB, {foreign.DEEPEST} levels",
        f"{foreign.MOST_ROWS:,} rows, {foreign.MOST_COLUMNS} columns",
    ]
    for words in said:
        assert words in PROMISES, words
    names = {"WebP" if name == "WEBP" else name for name in decode.FORMATS}
    assert all(name in PROMISES for name in names)

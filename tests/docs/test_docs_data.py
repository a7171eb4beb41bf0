"""docs/data.md names every data set and published split."""

from __future__ import annotations

import re

from docs_pages import DOCS

from loopynet.data.sources import DATASETS
from loopynet.data.splits import PUBLISHED

PAGE = (DOCS / "data.md").read_text(encoding="utf-8")


def test_every_data_set_has_a_row() -> None:
    names = {
        name for name in DATASETS.names() if DATASETS.get(name).__module__.startswith("loopynet.")
    }
    assert set(re.findall(r"^\| `(\w+)` \|.*\]", PAGE, re.MULTILINE)) == names


def test_published_splits_are_those_of_the_code() -> None:
    for name, split in PUBLISHED.items():
        assert f"| `{name}` | {split.train:,} | {split.validation:,} | {split.test:,} |" in PAGE

"""The public API is the one that tests/api/public.txt says: a change of it is made on purpose."""

from __future__ import annotations

import runpy
from difflib import unified_diff
from pathlib import Path

HERE = Path(__file__).parent
SNAPSHOT = HERE / "public.txt"


def test_the_public_api_is_unchanged() -> None:
    found = list(runpy.run_path(str(HERE / "public_api.py"))["lines"]())
    kept = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    changes = "\n".join(unified_diff(kept, found[: len(found) - 1], lineterm="", n=0))
    assert not changes, f"the public API changed; if that is meant, run `make api`:\n{changes}"


def test_every_public_name_is_in_the_snapshot() -> None:
    import loopynet

    head = SNAPSHOT.read_text(encoding="utf-8").split("\n\n")[0]
    assert head.startswith("# loopynet\n")
    for name in loopynet.__all__:
        assert f"class {name}(" in head or f"def {name}(" in head or f"\n{name} = " in head, name
        assert getattr(loopynet, name).__name__ == name

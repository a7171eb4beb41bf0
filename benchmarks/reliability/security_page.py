"""Makes the tables of docs/security.md from results/reliability: `make results`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_targets import TARGETS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/security.md"
DATA = ROOT / "results/reliability"


def page() -> str:
    """Return the page with the tables of today's data."""
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in (("fuzz", _fuzz()), ("limits", _limits())):
        table = "\n".join(lines)
        text = re.sub(
            f"(<!-- {name} -->\n).*?(\n<!-- end -->)",
            lambda m, table=table: m[1] + table + m[2],
            text,
            flags=re.DOTALL,
        )
    return text


def _fuzz() -> list[str]:
    found: dict[str, dict[str, Any]] = json.loads((DATA / "fuzz.json").read_text())
    lines = [
        "| target | engine | inputs | of these taken | edges | slowest, s | findings, mended |",
        "| --- | --- | --: | --: | --: | --: | --: |",
    ]
    for name in TARGETS:
        if name in found:
            done = found[name]
            edges = f"{done['edges']:,}" if "edges" in done else ""
            cells = (
                f"`{name}`", done["engine"], f"{done['inputs']:,}", f"{done['taken']:,}", edges,
                f"{done['slowest_seconds']:.2f}", str(len(done.get("mended", []))),
            )  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    totals = [sum(done[key] for done in found.values()) for key in ("inputs", "taken")]
    mended = sum(len(done.get("mended", [])) for done in found.values())
    still = sum(len(done["findings"]) for done in found.values())
    lines.append(f"| all | | {totals[0]:,} | {totals[1]:,} | | | {mended} |")
    return [*lines, "", f"Findings that are not mended: {still}."]


def _limits() -> list[str]:
    found = json.loads((DATA / "limits.json").read_text())
    lines = [
        "| file | processor seconds, median (range) | peak memory, MiB |",
        "| --- | --: | --: |",
    ]
    for name, done in found.items():
        low, high = done["seconds"][0], done["seconds"][-1]
        middle = median(done["seconds"])
        lines.append(f"| {name} | {middle:.2f} ({low:.2f} to {high:.2f}) | {done['peak_mib']} |")
    repeats = {len(done["seconds"]) for done in found.values()}
    return [*lines, "", f"n = {', '.join(map(str, sorted(repeats)))} runs of each."]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

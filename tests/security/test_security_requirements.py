"""What is installed is pinned by hash, in the versions of constraints.txt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = ROOT / "requirements"
_PIN = re.compile(r"^([\w.-]+)==([^ \\]+)((?:.*\\\n)(?:    --hash=.*\n?)+)", re.MULTILINE)
_UNHASHED = ("torch", "triton", "nvidia-", "cuda-")


def plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def pins(name: str) -> dict[str, str]:
    """Return the versions in a list, of what has a hash."""
    text = (LISTS / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    found = {plain(m[1]): m[2] for m in _PIN.finditer(text) if "--hash=sha256:" in m[3]}
    assert len(found) == len(lines), f"{name}: something has no hash"
    return found


def constraints() -> dict[str, str]:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {plain(name): version for name, _, version in (line.partition("==") for line in lines)}


def test_every_constraint_but_torch_has_a_hash() -> None:
    wanted = constraints()
    torch = wanted.pop("torch")
    assert torch
    found = pins("dev.txt")
    assert {name: found.get(name) for name in wanted} == wanted


def test_what_runs_is_part_of_what_is_developed_with() -> None:
    assert pins("runtime.txt").items() <= pins("dev.txt").items()


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_builds_for_cards_are_not_wanted_where_there_is_none(name: str) -> None:
    assert not [package for package in pins(name) if package.startswith(_UNHASHED[2:])]
    assert not {"torch", "triton"} & set(pins(name))


def test_tools_have_hashes() -> None:
    assert {"uv", "pip-audit", "cyclonedx-bom"} <= set(pins("tools.txt"))
    assert pins("fuzz.txt")["atheris"]


def test_the_set_up_compares_hashes() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in text.splitlines() if line.startswith("\t$(PIP)")]
    assert installs
    for line in installs:
        ours = line.endswith(" -e .")
        torch = line.endswith("-c constraints.txt torch")
        assert ours or torch or "--require-hashes" in line, line

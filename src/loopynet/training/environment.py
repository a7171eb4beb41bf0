"""What a run ran on: enough to say why another run may differ."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from loopynet import __version__

PACKAGES = ("torch", "lightning", "datasets", "numpy", "pydantic", "safetensors", "torchmetrics")


def describe_environment(seed: int, device: str) -> dict[str, Any]:
    """Return versions, commit, seed, device and machine, as plain data."""
    return {
        "loopynet": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor_cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "device": device,
        "seed": seed,
        "command": [Path(sys.argv[0]).name, *map(_relative, sys.argv[1:])],
    }


def differences(then: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return by key what two environments do not share and results may depend on, then and now."""
    flat = [{**e, **(e.get("packages") or {})} for e in (then, now)]
    apart = {"command", "packages", "seed"}
    keys = [key for key in dict.fromkeys([*flat[0], *flat[1]]) if key not in apart]
    pairs = {key: (flat[0].get(key), flat[1].get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _relative(argument: str) -> str:
    """Return a path below the working directory from there: other machines have other folders."""
    path = Path(argument)
    here = path.is_absolute() and path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd())) if here else argument


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit that loopynet runs from, with "+changes" if files differ from it.

    None if this file is in no repository: an installed package may lie in somebody else's.
    """
    git = ["git", "-C", str(Path(__file__).parent)]

    def ask(*words: str) -> str:
        return subprocess.check_output([*git, *words], text=True, stderr=subprocess.DEVNULL).strip()

    try:
        ask("ls-files", "--error-unmatch", Path(__file__).name)
        changes = "+changes" if ask("status", "--porcelain", "-uno", ".") else ""
        return ask("rev-parse", "HEAD") + changes
    except (OSError, subprocess.CalledProcessError):
        return None

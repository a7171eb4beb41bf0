"""Checkpoint files: written whole, checked by their hash, and never the only one.

A name holds the number of steps and the beginning of the SHA-256 of the content:
`step-00001250-9f86d081884c7d65.ckpt`. One file is one write: there is no moment at which a content
and its hash do not fit together.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from loopynet.foreign import write_whole

KEPT = 2
"""The newest one, and the one before it in case the newest is damaged."""

_NAME = re.compile(r"step-(\d{8,})-([0-9a-f]{16})\.ckpt")


def write_checkpoint(folder: Path, step: int, content: bytes) -> Path:
    """Write a checkpoint and remove all but the newest ones.

    Args:
        folder: where checkpoints lie.
        step: training steps that it comes after.
        content: of the file.

    Raises:
        OSError: it cannot be written; the older ones are still there.
    """
    file = folder / f"step-{step:08d}-{_digest(content)}.ckpt"
    write_whole(file, content)
    for old in list(checkpoints(folder))[KEPT:]:
        old.unlink(missing_ok=True)
    return file


def checkpoints(folder: Path) -> Iterator[Path]:
    """Yield the checkpoints of a folder, the newest first, whole or not."""
    found = {}
    for file in folder.glob("step-*.ckpt"):
        if match := _NAME.fullmatch(file.name):
            found[file] = int(match[1])
    yield from sorted(found, key=lambda file: (found[file], file.name), reverse=True)


def is_whole(file: Path) -> bool:
    """Say whether a checkpoint has the content that its name says."""
    match = _NAME.fullmatch(file.name)
    try:
        return match is not None and _digest(file.read_bytes()) == match[2]
    except OSError:
        return False


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]

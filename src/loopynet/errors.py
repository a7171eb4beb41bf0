"""The errors a user can meet: one sentence each of what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LoopyNetError(Exception):
    """Base of every error that a user's input can cause; the CLI prints it without a traceback."""


class SpecError(LoopyNetError):
    """A network description that cannot be read or that describes no valid network.

    Attributes:
        path: the keys that lead to the culprit, such as ("loops", "feedback", "to"); empty if the
            message already says where.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        """Return 'loops.feedback.to: what is wrong', or the message alone without a path."""
        where = ".".join(map(str, self.path))
        return f"{where}: {self.message}" if where else self.message


class DataError(LoopyNetError):
    """A data set, file or image that is missing, damaged or of the wrong shape."""


class RunError(LoopyNetError):
    """A run folder or a training run that cannot be used or continued."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ' Did you mean "x"?' for the nearest known name, or '' if none is near."""
    near = difflib.get_close_matches(str(name)[:200], list(known), n=1, cutoff=0.5)
    return f' Did you mean "{near[0]}"?' if near else ""


class LoopyNetWarning(UserWarning):
    """Something that runs, and that the user should know of."""

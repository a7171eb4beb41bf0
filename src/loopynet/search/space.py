"""What a search may change: keys of a spec and the values that they may have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopynet.errors import LoopyNetError
from loopynet.spec.source import parse_source

if TYPE_CHECKING:
    from optuna import Trial

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(log\s+)?({_NUMBER})\.\.({_NUMBER})")
_WHOLE = re.compile(r"[-+]?\d+")


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included.

    Attributes:
        low: the least.
        high: the greatest.
        log: whether a number ten times as large is as far away everywhere.
        whole: whether whole numbers only.
    """

    low: float
    high: float
    log: bool
    whole: bool

    @property
    def ends(self) -> tuple[str, ...]:
        """The least and the greatest, as YAML text."""
        ends = (self.low, self.high)
        return tuple(str(int(end)) if self.whole else repr(end) for end in ends)

    def draw(self, trial: Trial, key: str) -> str:
        """Return a value as YAML text."""
        if self.whole:
            return str(trial.suggest_int(key, int(self.low), int(self.high), log=self.log))
        return repr(trial.suggest_float(key, self.low, self.high, log=self.log))


@dataclass(frozen=True)
class Values:
    """One of several values, in no order.

    Attributes:
        texts: each as YAML text.
    """

    texts: tuple[str, ...]

    @property
    def ends(self) -> tuple[str, ...]:
        """All of them."""
        return self.texts

    def draw(self, trial: Trial, key: str) -> str:
        """Return a value as YAML text."""
        return str(trial.suggest_categorical(key, self.texts))


Space = dict[str, Range | Values]
"""What each key may be."""


def parse_space(words: Sequence[str]) -> Space:
    """Return the space that words such as these describe.

    `training.learning_rate=log 0.01..1`, `unroll.steps=1..4`, `training.optimizer=[adam, sgd]`.
    A range of whole numbers gives whole numbers.

    Raises:
        LoopyNetError: a word that is none of these.
    """
    space: Space = {}
    for word in words:
        key, equals, text = (part.strip() for part in word.partition("="))
        if not equals or not key:
            raise LoopyNetError(f'--over {word}: write KEY=VALUES, such as "unroll.steps=1..4"')
        space[key] = _range(word, text) or _values(word, text)
    return space


def _range(word: str, text: str) -> Range | None:
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    low, high = float(match[2]), float(match[3])
    if low >= high or (match[1] and low <= 0):
        raise LoopyNetError(f"--over {word}: from low to high, and from above 0 if it is log")
    whole = all(_WHOLE.fullmatch(number) for number in (match[2], match[3]))
    return Range(low, high, bool(match[1]), whole)


def _values(word: str, text: str) -> Values:
    data = parse_source(text, f"--over {word}").data
    if not isinstance(data, list) or len(data) < 2:
        raise LoopyNetError(
            f"--over {word}: write a range (1..4, 0.1..0.5, log 0.001..0.1) or a list of two "
            "values or more ([adam, sgd])"
        )
    return Values(tuple(_items(text)))


def _items(text: str) -> list[str]:
    """Return the texts of the items of a flow list, split at its own commas."""
    items, depth, item = [], 0, ""
    for sign in text.strip()[1:-1]:
        depth += (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0:
            items.append(item.strip())
            item = ""
        else:
            item += sign
    return [*items, item.strip()] if item.strip() else items

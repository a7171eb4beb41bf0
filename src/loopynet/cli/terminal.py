"""The console that commands print to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that move the cursor, turn the direction of writing or cannot be written at all."""


def visible(text: str) -> str:
    """Return a text whose control characters are written out.

    A name in a stranger's file could otherwise change what the terminal shows, or its settings.
    """
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def terminal() -> Console:
    """Return a console that prints text as it is, but for control characters."""
    from rich.console import Console
    from rich.text import Text

    class Plain(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(visible(text), **options)

    return Plain(highlight=False, soft_wrap=True, markup=False, emoji=False)

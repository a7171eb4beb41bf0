"""The characters that drawings are made of: box characters, or plain ASCII."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The directions in which a line leaves its cell; IN is towards the layers.
UP, DOWN, IN, OUT = 1, 2, 4, 8


@dataclass(frozen=True)
class Glyphs:
    """The characters of a drawing.

    Attributes:
        left: the line in a cell of the left side, by its directions.
        right: the same on the right side.
        into_left: an arrow's head on the left side, pointing right.
        into_right: an arrow's head on the right side, pointing left.
        line: a horizontal line.
        stack: the main stack's line between layers.
        leaves: where lines leave the stack between layers: to the left, the right, both.
        layer: a layer on the stack.
        source: the input on the stack.
        rule: a section's rule.
        words: replacements for characters of names and texts.
    """

    left: Mapping[int, str]
    right: Mapping[int, str]
    into_left: str
    into_right: str
    line: str
    stack: str
    leaves: tuple[str, str, str]
    layer: str
    source: str
    rule: str
    words: Mapping[str, str]

    def text(self, words: str) -> str:
        """Return a text in the characters that may be used."""
        for character, plain in self.words.items():
            words = words.replace(character, plain)
        return words


def _cells(lines: str, down: str, up: str) -> dict[int, str]:
    """Return the characters by directions: vertical, horizontal and crossing; the two corners."""
    return {
        0: " ",
        UP | DOWN: lines[0],
        IN | OUT: lines[1],
        UP | DOWN | IN | OUT: lines[2],
        DOWN | IN: down,
        UP | IN: up,
    }


UNICODE = Glyphs(
    left=_cells("│─┼", "╭", "╰"),
    right=_cells("│─┼", "╮", "╯"),
    into_left="▶",
    into_right="◀",
    line="─",
    stack="│",
    leaves=("┤", "├", "┼"),
    layer="●",
    source="○",
    rule="┄",
    words={},
)

ASCII = Glyphs(
    left=_cells("|-+", ".", "'"),
    right=_cells("|-+", ".", "'"),
    into_left=">",
    into_right="<",
    line="-",
    stack="|",
    leaves=("+", "+", "+"),
    layer="*",
    source="o",
    rule="=",
    words={"×": "x", "→": "->", "…": "~"},
)

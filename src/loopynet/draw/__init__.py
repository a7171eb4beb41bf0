"""A network as a picture, folded or unrolled. Start with `files.py`."""

from loopynet.draw.files import draw
from loopynet.draw.mermaid import mermaid

__all__ = ["draw", "mermaid"]

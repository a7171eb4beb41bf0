"""The one pydantic base that every part of a spec derives from."""

from loopynet.parts.model import SpecModel

__all__ = ["SpecModel"]

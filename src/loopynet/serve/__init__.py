"""The explorer: a page on this machine to look into trained networks. Start with `launch.py`."""

from loopynet.serve.launch import explore

__all__ = ["explore"]

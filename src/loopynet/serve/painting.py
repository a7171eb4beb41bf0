"""Matplotlib draws for one user at a time: its settings are those of the whole process."""

from __future__ import annotations

import threading

MATPLOTLIB = threading.Lock()
"""Held while drawings and charts are made."""

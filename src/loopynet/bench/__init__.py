"""How fast we are, against networks written by hand. Start with `cells.py`: what is measured.

Contenders run in processes of their own (`worker.py`, `tasks.py`) that take turns (`turns.py`).
Results are JSON files (`run.py`); `targets.py` says which targets they meet.
"""

"""The command line: parsing in `main.py`, one function per command in `commands.py`."""

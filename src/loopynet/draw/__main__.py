"""Draws every network of the zoo, folded and unrolled: python -m loopynet.draw FOLDER."""

from __future__ import annotations

import argparse
from pathlib import Path

from loopynet.draw.files import draw
from loopynet.graph import build_graph
from loopynet.zoo import load_spec, zoo_names

MOST_LAYERS = 6
"""Layers of the main stack up to which the unrolls fit on a page."""


def draw_zoo(folder: Path) -> list[Path]:
    """Write an SVG of each network and, of small ones with loops, one of its unrolls."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in zoo_names():
        graph = build_graph(load_spec(name))
        small = len(graph.main) <= MOST_LAYERS
        for unrolled in (False, True) if graph.loops and small else (False,):
            files.append(folder / f"{name}{'-unrolled' if unrolled else ''}.svg")
            draw(graph, files[-1], unrolled=unrolled)
    return files


def main() -> None:
    """Draw the zoo."""
    parser = argparse.ArgumentParser(prog="python -m loopynet.draw", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    for file in draw_zoo(parser.parse_args().folder):
        print(file)


if __name__ == "__main__":
    main()

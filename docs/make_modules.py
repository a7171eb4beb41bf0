"""Write docs/images/modules.svg: the packages of loopynet, and what imports what, by the source.

A package stands right of all that it imports. Imports that follow from others are left out: where a
imports b, and b imports c, there is no line from a to c.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parent / "src" / "loopynet"
Edges = Mapping[str, set[str]]
Corner = Callable[[tuple[str, int]], tuple[float, float]]

COLUMN, ROW, WIDTH, HEIGHT, MARGIN = 112, 42, 84, 28, 16
SWEEPS = 24
STYLE = """
  text { font: 13px sans-serif; text-anchor: middle; fill: #1b1b1b }
  rect { fill: #e8ecf8; stroke: #5a6bb0 }
  .page { fill: #fff; stroke: none }
  path { fill: none; stroke: #8a94b8; stroke-width: 1.3 }
"""


def imports() -> dict[str, set[str]]:
    """Return the packages that each package imports, in functions too."""
    found: dict[str, set[str]] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        package = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        if not package.startswith("__"):
            inside = found.setdefault(package, set())
            inside |= set(_imported(file)) - {package, "__version__"}
    return found


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module == "loopynet":
            names = [f"loopynet.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("loopynet."))


def reduced(edges: Edges) -> dict[str, set[str]]:
    """Leave out the imports that follow from others."""

    def reach(package: str) -> set[str]:
        return edges[package].union(*map(reach, edges[package]))

    return {a: {b for b in edges[a] if not any(b in reach(c) for c in edges[a])} for a in edges}


def depths(edges: Edges) -> dict[str, int]:
    """Return the column of each package: right of what it imports, and left of what imports it."""

    def depth(package: str) -> int:
        return 1 + max(map(depth, edges[package]), default=-1)

    found = {package: depth(package) for package in sorted(edges)}
    for package in (each for each in found if not edges[each]):  # near to what needs it
        found[package] = min((found[a] for a in edges if package in edges[a]), default=1) - 1
    return found


def ways(edges: Edges) -> list[list[tuple[str, int]]]:
    """Return the way of each line: names and columns of a package, of points, and of the other."""
    column = depths(edges)
    return [
        [
            (package, column[package]),
            *((f"{package}>{to}", at) for at in range(column[package] - 1, column[to], -1)),
            (to, column[to]),
        ]
        for package in sorted(edges)
        for to in sorted(edges[package])
    ]


def rows(edges: Edges) -> dict[tuple[str, int], float]:
    """Return the row of each package and point, ordered so that few lines cross."""
    lines = ways(edges)
    spots = sorted({spot for line in lines for spot in line} | set(depths(edges).items()))
    links: dict[tuple[str, int], set[tuple[str, int]]] = {spot: set() for spot in spots}
    for line in lines:
        for one, other in pairwise(line):
            links[one].add(other)
            links[other].add(one)
    row = dict.fromkeys(spots, 0.0)
    for _ in range(SWEEPS):
        for column in range(max(at for _, at in spots) + 1):
            stack = [spot for spot in spots if spot[1] == column]
            wish = {s: sum(row[n] for n in links[s]) / max(1, len(links[s])) for s in stack}
            for number, spot in enumerate(sorted(stack, key=lambda s: (wish[s], s))):
                row[spot] = number - (len(stack) - 1) / 2
    return row


def svg() -> str:
    """Return the drawing."""
    edges = reduced(imports())
    row = rows(edges)
    top = min(row.values())
    size = (
        2 * MARGIN + COLUMN * max(at for _, at in row) + WIDTH,
        2 * MARGIN + ROW * (max(row.values()) - top) + HEIGHT,
    )

    def corner(spot: tuple[str, int]) -> tuple[float, float]:
        return MARGIN + COLUMN * spot[1], MARGIN + ROW * (row[spot] - top)

    parts = [_line(line, corner) for line in ways(edges)]
    parts += [_box(package, *corner((package, at))) for package, at in depths(edges).items()]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {size[0]:g} {size[1]:g}">'
        "<title>The packages of loopynet, each right of those that it imports</title>"
        f"<style>{STYLE}</style>"
        '<rect class="page" width="100%" height="100%"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _line(line: list[tuple[str, int]], corner: Corner) -> str:
    """Draw a line as a curve that leaves and enters each column level."""
    middle = HEIGHT / 2
    x, y = corner(line[0])
    way = [f"M{x:g} {y + middle:g}"]
    for spot in line[1:]:
        (to_x, to_y), end = corner(spot), spot == line[-1]
        across = to_x + WIDTH
        half = (x + across) / 2
        way.append(
            f"C{half:g} {y + middle:g} {half:g} {to_y + middle:g} {across:g} {to_y + middle:g}"
        )
        x, y = (across, to_y) if end else (to_x, to_y)
        if not end:
            way.append(f"H{to_x:g}")
    title = f"<title>{line[0][0]} imports {line[-1][0]}</title>"
    return f'<path d="{" ".join(way)}">{title}</path>'


def _box(package: str, x: float, y: float) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>'
        f'<text x="{x + WIDTH / 2:g}" y="{y + HEIGHT / 2 + 4.5:g}">{package}</text>'
    )


if __name__ == "__main__":
    (FOLDER / "images" / "modules.svg").write_text(svg(), encoding="utf-8")
    print(f"wrote {FOLDER / 'images' / 'modules.svg'}")

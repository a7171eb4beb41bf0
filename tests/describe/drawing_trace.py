"""Reading a drawing back: following each arc from its arrow, cell by cell, to its other end."""

from dataclasses import dataclass

HORIZONTAL = "─┼-+"
VERTICAL = "│┼|+"
DOWNWARD = "╭╮."
UPWARD = "╰╯'"
STACK = "○●o*"


@dataclass(frozen=True)
class Trace:
    kind: str
    source: str
    target: str
    merge: str
    cells: tuple[tuple[int, int], ...]

    @property
    def edge(self):
        return self.kind, self.source, self.target, self.merge


def trace_arcs(text, layers):
    """Return a Trace for each arrow of a drawing, in the order of rows, left before right."""
    lines = text.split("\n\n")[0].split("\n")
    spine = next(x for x, character in enumerate(lines[0]) if character in STACK)
    owners = [owner(line, spine, layers) for line in lines]
    return [
        follow(lines, owners, spine, row, x)
        for row, line in enumerate(lines)
        for x, character in enumerate(line)
        if character in "▶◀" or line[x : x + 2] == ">(" or line[x - 1 : x + 1] == ")<"
    ]


def owner(line, spine, layers):
    """Return the layer whose own row this is, or None."""
    return next((word for word in line[spine:].split() if word in layers), None)


def follow(lines, owners, spine, row, x):
    left = x < spine
    outward, inward = (-1, 1) if left else (1, -1)
    merge = mark(lines[row], x, left)
    target = next(name for name in owners[row:] if name)
    cells, x = walk_along(lines, row, x + outward, outward)
    corner, vertical = (DOWNWARD, 1) if left else (UPWARD, -1)
    assert lines[row][x] in corner, f"row {row}, column {x}: {lines[row]!r}"
    cells.append((row, x))
    row += vertical
    while lines[row][x] in VERTICAL:
        cells.append((row, x))
        row += vertical
    corner = UPWARD if left else DOWNWARD
    assert lines[row][x] in corner, f"row {row}, column {x}: {lines[row]!r}"
    cells.append((row, x))
    along, x = walk_along(lines, row, x + inward, inward, spine)
    cells += along
    assert x == spine or lines[row][x] in " ├", f"ends at {lines[row][x]!r} of {lines[row]!r}"
    source = next(name for name in reversed(owners[: row + 1]) if name)
    return Trace("loop" if left else "skip", source, target, merge, tuple(cells))


def walk_along(lines, row, x, step, end=None):
    cells = []
    while x != end and lines[row][x] in HORIZONTAL:
        cells.append((row, x))
        x += step
    return cells, x


def mark(line, x, left):
    if left:
        return line[x + 2 : line.index(")", x)]
    return line[line.rindex("(", 0, x) + 1 : x - 1]

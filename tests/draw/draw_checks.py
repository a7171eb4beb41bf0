"""What must hold of the geometry of every picture."""

from itertools import combinations, pairwise

from matplotlib.backends.backend_agg import FigureCanvasAgg

from loopynet.draw.compose import compose
from loopynet.draw.files import settings
from loopynet.draw.paint import paint
from loopynet.draw.scene import Rect

NEAR = 0.05
FINE = 10


def check_picture(graph, unrolled):
    """Check a picture's geometry and return its scene."""
    scene = compose(graph, unrolled)
    shapes_are_apart(scene)
    lines_run_around_shapes(scene)
    lines_do_not_lie_on_each_other(scene)
    everything_is_on_the_page(scene)
    return scene


def shapes_are_apart(scene):
    for a, b in combinations(scene.shapes, 2):
        assert not overlap(a.rect, b.rect), f"{a.node.id} and {b.node.id}: {a.rect}, {b.rect}"


def lines_run_around_shapes(scene):
    for stroke in scene.strokes:
        for part in parts(stroke):
            for shape in scene.shapes:
                hit = overlap(part, shape.rect)
                assert not hit, f"{stroke.source} -> {stroke.target} runs through {shape.node.id}"


def lines_do_not_lie_on_each_other(scene):
    """Lines may cross and touch, but share no more than a point."""
    for a, b in combinations(scene.strokes, 2):
        for p in parts(a):
            for q in parts(b):
                width = min(p.right, q.right) - max(p.left, q.left)
                height = min(p.bottom, q.bottom) - max(p.top, q.top)
                shared = min(width, height) > -NEAR and max(width, height) > 3 * NEAR
                assert not shared, f"{a.source} -> {a.target}, {b.source} -> {b.target}: {p}, {q}"


def everything_is_on_the_page(scene):
    page = Rect(0, 0, scene.width, scene.height)
    rects = [shape.rect for shape in scene.shapes] + [b.rect for b in scene.backgrounds]
    rects += [part for stroke in scene.strokes for part in parts(stroke)]
    assert all(contains(page, rect, 0) for rect in rects)


def texts_are_inside_their_shapes(scene):
    """Measure every text as it is rendered; finely, for a renderer rounds to whole pixels."""
    with settings():
        figure = paint(scene)
        figure.dpi = FINE * figure.dpi
        renderer = FigureCanvasAgg(figure).get_renderer()
        texts = figure.axes[0].texts
        lines = [(shape, text) for shape in scene.shapes for text, _ in shape.node.lines]
        assert [text.get_text() for text in texts] == [text for _, text in lines]
        for text, (shape, _) in zip(texts, lines, strict=True):
            left, bottom, right, top = text.get_window_extent(renderer).extents / FINE
            found = Rect(left, scene.height - top, right, scene.height - bottom)
            assert contains(shape.rect, found, 0.5), f"{text.get_text()}: {found} in {shape.rect}"


def parts(stroke):
    """Yield a line's parts as rectangles as thin as a line."""
    for (x, y), (to_x, to_y) in pairwise(stroke.points):
        assert x == to_x or y == to_y, "a slanted line"
        yield Rect(min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y))


def overlap(a, b):
    """Say whether rectangles share more than a border."""
    apart = (a.right - NEAR, a.bottom - NEAR, b.right - NEAR, b.bottom - NEAR)
    return a.left < apart[2] and b.left < apart[0] and a.top < apart[3] and b.top < apart[1]


def contains(outer, inner, slack):
    return (
        outer.left - slack <= inner.left
        and outer.top - slack <= inner.top
        and inner.right <= outer.right + slack
        and inner.bottom <= outer.bottom + slack
    )

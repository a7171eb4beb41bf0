"""The search for the widths at which a network costs what another one costs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from loopynet.control.change import changed
from loopynet.control.widths import Width, free_widths, with_widths
from loopynet.errors import SpecError
from loopynet.graph import Costs, build_graph, costs
from loopynet.parts.shape import LARGEST
from loopynet.spec.network import NetworkSpec

Values = tuple[int, ...]
Price = Callable[[Values], int]


def match_costs(spec: NetworkSpec, target: int, measure: Callable[[Costs], int]) -> NetworkSpec:
    """Return a network without loops with its free widths changed to cost `target`.

    Args:
        spec: the network, valid and without loops.
        target: what it should cost.
        measure: which of the costs is meant.

    Raises:
        SpecError: it costs something else, and no width is free to change.
    """
    graph = build_graph(spec)
    if measure(costs(graph)) == target:
        return spec
    widths = free_widths(graph)
    if not widths:
        raise SpecError("the width of no hidden layer is free to change", ("layers",))

    @cache
    def price(values: Values) -> int:
        layers = with_widths(spec, dict(zip(widths, values, strict=True)))
        return measure(costs(build_graph(spec.model_copy(update={"layers": layers}))))

    values = nearest_values(widths, target, price)
    layers = with_widths(spec, dict(zip(widths, values, strict=True)))
    matched = changed(spec, {"layers": layers})
    build_graph(matched)
    return matched


def nearest_values(widths: Sequence[Width], target: int, price: Price) -> Values:
    """Return values of the widths whose price is near the target.

    All are scaled by one factor. A factor leaves a rest, because widths are whole numbers: the
    width of which one step costs most is settled first, and the factor is found anew for the
    others, until all are settled. Single steps of single widths then take what is left.
    """
    values = tuple(width.value for width in widths)
    free = sorted(range(len(widths)), key=lambda i: -price(_moved(values, i, widths[i].step)))
    while free:
        values = _scaled(widths, values, free, target, price)
        free = free[1:]
    return _stepped(widths, values, target, price)


def _scaled(
    widths: Sequence[Width], values: Values, free: Sequence[int], target: int, price: Price
) -> Values:
    """Return the values with those at `free` scaled by the factor that comes nearest."""
    # In halves of a step of the widest, a whole factor reaches all of its values.
    halves = max(2 * widths[i].value // widths[i].step for i in free)

    def at(factor: int) -> Values:
        return tuple(
            scaled(width, factor, halves) if i in free else value
            for i, (width, value) in enumerate(zip(widths, values, strict=True))
        )

    largest = halves
    while price(at(largest)) < target and max(at(largest)) < LARGEST:
        largest *= 2
    above = bisect_left(range(largest), target, key=lambda factor: price(at(factor)))
    return min(at(max(above - 1, 0)), at(above), key=lambda each: abs(price(each) - target))


def scaled(width: Width, numerator: int, denominator: int) -> int:
    """Return the multiple of a width's step that is nearest to a fraction of it; at least one."""
    steps = width.value // width.step
    rounded = (2 * steps * numerator + denominator) // (2 * denominator)
    return max(1, rounded) * width.step


def _stepped(widths: Sequence[Width], values: Values, target: int, price: Price) -> Values:
    """Return values that no single step of a single width brings nearer to the target."""
    while True:
        nearest = min(neighbors(widths, values), key=lambda each: abs(price(each) - target))
        if abs(price(nearest) - target) >= abs(price(values) - target):
            return values
        values = nearest


def neighbors(widths: Sequence[Width], values: Values) -> Iterator[Values]:
    """Yield the values with one width one step larger or smaller."""
    for i, width in enumerate(widths):
        yield _moved(values, i, width.step)
        if values[i] > width.step:
            yield _moved(values, i, -width.step)


def _moved(values: Values, index: int, change: int) -> Values:
    return (*values[:index], values[index] + change, *values[index + 1 :])

"""Measurements as figures: matplotlib, 700 pixels wide, colors of Okabe and Ito."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from loopynet.explain.measurements import Measurements
from loopynet.statistics import Estimate

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart with any color vision (Okabe and Ito, 2008); markers differ too."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def figures(found: Measurements) -> dict[str, Figure]:
    """Return every figure for which something was measured, by file name without ending."""
    drawn: dict[str, tuple[Callable[[Measurements], Figure], object]] = {
        "dynamics": (dynamics_figure, found.dynamics),
        "movement": (movement_figure, found.dynamics.movement and found.dynamics.changes),
        "gradients": (gradient_figure, found.gradients),
        "linearity": (linearity_figure, found.linearity),
        "faithfulness": (faithfulness_figure, found.faithfulness),
    }
    return {name: draw(found) for name, (draw, there) in drawn.items() if there}


def dynamics_figure(found: Measurements) -> Figure:
    """Return accuracy, loss and confidence over unrolls, with 95 % intervals."""
    figure, axes = _axes(3)
    unrolls = found.dynamics.unrolls
    kinds = (
        ("accuracy, %", [_times(one.accuracy, 100) for one in unrolls]),
        ("loss, nats", [one.loss for one in unrolls]),
        ("mean confidence", [one.confidence for one in unrolls]),
    )
    for place, (name, values) in zip(axes, kinds, strict=True):
        _line(place, range(1, len(values) + 1), values, 0)
        _mark_trained(place, found)
        place.set(xlabel="unroll", ylabel=name)
    return figure


def movement_figure(found: Measurements) -> Figure:
    """Return how far each looped layer moves, and how the signals' differences turn."""
    one = found.dynamics.convergence
    figure, axes = _axes(2 if one is not None else 1)
    for i, (name, each) in enumerate(found.dynamics.movement.items()):
        _line(axes[0], range(2, len(each) + 2), [m.mean for m in each], i, name)
    axes[0].set(xlabel="unroll", ylabel="relative change of activations", ylim=(0, None))
    axes[0].legend(frameon=False)
    _mark_trained(axes[0], found)
    if one is not None:
        _line(axes[1], range(3, len(one.cosine) + 3), [Estimate(c) for c in one.cosine], 0)
        axes[1].axhline(0, color="0.6", linewidth=0.8)
        axes[1].set(xlabel="unroll", ylabel="cosine of successive changes", ylim=(-1.05, 1.05))
        _mark_trained(axes[1], found)
    return figure


def gradient_figure(found: Measurements) -> Figure:
    """Return the length of each unroll's part of the gradient, for each weight and network."""
    names = [
        name
        for name in found.gradients[0].weights
        if name.startswith("layers.") and name.endswith(("op.weight", "weight.original"))
    ][:4]
    figure, axes = _axes(max(len(names), 1))
    for place, name in zip(axes, names, strict=False):
        for i, kind in enumerate(found.gradients):
            row = kind.weights.get(name)
            if row is not None:
                _line(place, row.unrolls, row.norms, i, kind.label)
        place.set(xlabel="unroll", yscale="log", title=name.split(".")[1])
        place.set_xticks(found.gradients[0].weights[name].unrolls)
        place.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        place.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        place.yaxis.set_minor_locator(NullLocator())
    axes[0].set_ylabel("length of the part of dW")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def linearity_figure(found: Measurements) -> Figure:
    """Return the unexplained share over unrolls: own field and equal field."""
    assert found.linearity is not None
    figure, axes = _axes(2)
    for i, (name, layer) in enumerate(found.linearity.layers.items()):
        for place, each in zip(axes, (layer.own_field, layer.equal_field), strict=True):
            steps = range(1, len(each) + 1)
            _line(place, steps, [_times(one.over_images, 100) for one in each], i, name)
            place.set_xticks(list(steps))
    for place, title in zip(axes, ("field of each unroll", "field of the last"), strict=True):
        place.set(xlabel="unroll", title=title, ylim=(0, None))
    axes[0].set_ylabel("unexplained variance, %")
    axes[0].legend(frameon=False)
    return figure


def faithfulness_figure(found: Measurements) -> Figure:
    """Return the deletion and the insertion curves."""
    one = found.faithfulness
    assert one is not None
    figure, axes = _axes(2)
    shares = [100 * share for share in one.shares]
    for i, (name, curves) in enumerate(one.maps.items()):
        for place, curve in zip(axes, (curves.deletion, curves.insertion), strict=True):
            _line(place, shares, [Estimate(p) for p in curve], i, name)
    axes[0].set(xlabel="pixels removed, %", ylabel="mean class probability", ylim=(0, 1))
    axes[1].set(xlabel="pixels put in, %", ylim=(0, 1))
    axes[0].legend(frameon=False)
    return figure


def _axes(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7, 3.2), dpi=100, layout="constrained")
    axes = [figure.add_subplot(1, count, i + 1) for i in range(count)]
    for place in axes:
        place.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _line(
    place: Axes,
    steps: Sequence[float],
    values: Sequence[Estimate],
    i: int,
    label: str | None = None,
) -> None:
    color, marker = COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]
    means = [value.mean for value in values]
    place.plot(steps, means, color=color, marker=marker, markersize=4, label=label)
    if all(value.low is not None and value.high is not None for value in values):
        low, high = [v.low or 0.0 for v in values], [v.high or 0.0 for v in values]
        place.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)


def _times(value: Estimate, scale: float) -> Estimate:
    if value.low is None or value.high is None:
        return Estimate(scale * value.mean)
    return Estimate(scale * value.mean, scale * value.low, scale * value.high)


def _mark_trained(place: Axes, found: Measurements) -> None:
    """Draw a line after the last trained unroll, if more were run."""
    trained = found.dynamics.trained
    if len(found.dynamics.unrolls) > trained:
        place.axvline(trained + 0.5, color="0.6", linestyle=":", linewidth=1)

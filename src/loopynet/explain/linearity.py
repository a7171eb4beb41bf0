"""How nonlinear a filter is at each unroll, as a function of the image.

The paper says that the same filter behaves increasingly nonlinearly at higher unrolls. The number
here: the share of the variance of a filter's response that the best linear filter (with a bias) of
the pixels in its receptive field does not explain. It is fitted by least squares on some images and
measured on others.

A response is taken before its activation unless asked otherwise: at unroll 1 the first convolution
is then linear exactly, and what a later unroll adds is what the loop brought, not the layer's own
activation, which is the same at each unroll.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loopynet.errors import LoopyNetError, did_you_mean
from loopynet.explain.field import receptive_fields
from loopynet.explain.frozen import check_described
from loopynet.explain.least_squares import HeldOut, Moments
from loopynet.explain.passes import check_undelayed
from loopynet.explain.patches import Grid, grid_of, patches
from loopynet.explain.responses import Side, recorded
from loopynet.explain.sample import Progress, batches, check_sample
from loopynet.network import LoopyNet
from loopynet.statistics import Estimate, mean_over_seeds


@dataclass(frozen=True)
class Unexplained:
    """What a linear filter of some field leaves unexplained of a layer's filters at one unroll.

    Attributes:
        field: height and width of the regressors' field, in pixels.
        regressors: pixels times channels, without the bias.
        each: share of each filter, on the held-out images; NaN for a filter that never responds.
        over_filters: their mean, with Student's 95 % interval over filters.
        over_images: the same mean, with a 95 % bootstrap interval over held-out images.
        fitted: the mean share on the images that were fitted: too low where `over_images` is too
            high; the truth for unlimited data lies between.
    """

    field: tuple[int, int]
    regressors: int
    each: tuple[float, ...]
    over_filters: Estimate
    over_images: Estimate
    fitted: float


@dataclass(frozen=True)
class LayerLinearity:
    """One layer at unrolls 1 to k.

    Attributes:
        own_field: with the receptive field of each unroll, which grows.
        equal_field: with that of the last unroll at every one: equal numbers of regressors.
        increase: of equal_field, from unroll t - 1 to t: mean over filters, with a 95 % bootstrap
            interval over held-out images, paired.
        total_increase: the same from the first to the last unroll.
        fit_samples: images times positions that were fitted.
        held_out_samples: the same of the others.
        positions: in each image.
        cut: whether the field reaches beyond the image at some of them, where zeros stand.
    """

    own_field: tuple[Unexplained, ...]
    equal_field: tuple[Unexplained, ...]
    increase: tuple[Estimate, ...]
    total_increase: Estimate
    fit_samples: int
    held_out_samples: int
    positions: int
    cut: bool


@dataclass(frozen=True)
class Linearity:
    """The unexplained shares of some layers.

    Attributes:
        side: before or after the layers' activations.
        fit_images: how many images were fitted.
        held_out_images: how many others the shares were measured on.
        layers: by name.
    """

    side: Side
    fit_images: int
    held_out_images: int
    layers: Mapping[str, LayerLinearity]


@torch.no_grad()
def linearity(
    net: LoopyNet,
    images: Tensor,
    *,
    layers: Sequence[str] | None = None,
    unrolls: int | None = None,
    side: Side = "before",
    fit_share: float = 0.5,
    positions: int = 64,
    batch_size: int = 64,
    bootstrap: int = 1000,
    ridge: float = 1e-9,
    seed: int = 0,
    progress: Progress | None = None,
) -> Linearity:
    """Return how much of each filter's response no linear filter of the image explains.

    All filters of a layer are fitted at once, with the same pixels. One filter serves all
    positions, as a convolution does. Positions are drawn from those whose field at the last unroll
    lies inside the image; if there are fewer than `positions` of them, the middle ones are taken
    and zeros stand beyond the border.

    Args:
        net: the network, in evaluation mode.
        images: preprocessed images [N, C, H, W]; the first share of them is fitted.
        layers: names; those of the loopy section's main stack that give images if None.
        unrolls: how many to run; the trained number if None.
        side: "before" the activation or "after" it.
        fit_share: share of the images that is fitted.
        positions: in each image, the same ones in all.
        batch_size: images at a time; changes memory only.
        bootstrap: draws of held-out images.
        ridge: added to the pixels' second moments, as a share of their mean. The default only keeps
            pixels that never vary from making them singular; its effect on a share is below 1e-6.
            Where pixels vary in few images, as at the border of digits, a larger one such as 1e-3
            keeps their filters from growing wild.
        seed: of positions and draws.
        progress: told after each batch.

    Raises:
        LoopyNetError: training mode, wrong shapes, a layer that has no small field, or fewer than
            two samples for each regressor.
    """
    check_described(net)
    check_undelayed(net)
    check_sample(net, images)
    count = unrolls or net.graph.steps
    cut = min(max(round(fit_share * len(images)), 1), len(images) - 1)
    found = {
        name: _layer(
            net, name, count, side, (images[:cut], images[cut:]), positions, batch_size,
            (bootstrap, seed), ridge, progress,
        )
        for name in (_default_layers(net) if layers is None else layers)
    }  # fmt: skip
    return Linearity(side, cut, len(images) - cut, found)


def _default_layers(net: LoopyNet) -> list[str]:
    names = net.graph.body or net.graph.trunk
    fields = receptive_fields(net.graph)
    return [name for name in names if fields[f"{name}@1"] is not None]


def _layer(
    net: LoopyNet,
    name: str,
    count: int,
    side: Side,
    parts: tuple[Tensor, Tensor],
    positions: int,
    batch_size: int,
    chance: tuple[int, int],
    ridge: float,
    progress: Progress | None,
) -> LayerLinearity:
    grid = _grid(net, name, count, positions, chance[1])
    samples = len(parts[0]) * len(grid.places)
    wanted = grid.size[0] * grid.size[1] * net.graph.input_shape[0]
    if samples < 2 * wanted or len(parts[1]) < 2:
        raise LoopyNetError(
            f'"{name}" has {wanted} pixels in its field at unroll {count} and {samples} samples to '
            "fit; give more images or positions, or fewer unrolls"
        )
    names = [f"{name}@{t}" for t in range(1, count + 1)]
    moments = Moments(ridge)
    for x, y in _samples(net, parts[0], names, grid, side, batch_size, f"{name}: fit", progress):
        moments.add(x.flatten(0, 1), y.flatten(0, 1))
    fields = receptive_fields(net.graph, count)
    inner = [grid.columns(fields[n], net.graph.input_shape[0]) for n in names]
    whole = torch.arange(wanted)
    fits = [moments.fit(i, columns, count) for i, columns in enumerate(inner)]
    equal = [moments.fit(i, whole, count) for i in range(count)]
    tests = HeldOut([*fits, *equal], [*inner, *[whole] * count], count)
    for x, y in _samples(net, parts[1], names, grid, side, batch_size, f"{name}: test", progress):
        tests.add(x, y)
    means = [tests.shares(i, *chance) for i in range(2 * count)]
    sizes = [grid.field_size(fields[n]) for n in names] + [grid.size] * count
    every = [
        _unexplained(size, fit[1], *mean, channels=net.graph.input_shape[0])
        for size, fit, mean in zip(sizes, [*fits, *equal], means, strict=True)
    ]
    drawn = torch.stack([draws for _, draws in means[count:]])  # [k, draws]
    point = [one.over_images.mean for one in every[count:]]
    increase = tuple(
        _interval(point[t] - point[t - 1], drawn[t] - drawn[t - 1]) for t in range(1, count)
    )
    return LayerLinearity(
        own_field=tuple(every[:count]),
        equal_field=tuple(every[count:]),
        increase=increase,
        total_increase=_interval(point[-1] - point[0], drawn[-1] - drawn[0]),
        fit_samples=samples,
        held_out_samples=len(parts[1]) * len(grid.places),
        positions=len(grid.places),
        cut=grid.cut,
    )


def _grid(net: LoopyNet, name: str, count: int, positions: int, seed: int) -> Grid:
    if name not in net.graph.layers:
        hint = did_you_mean(name, net.graph.layers)
        raise LoopyNetError(f'"{net.graph.name}" has no layer "{name}".{hint}')
    field = receptive_fields(net.graph, count).get(f"{name}@{count}")
    if field is None:
        raise LoopyNetError(
            f'"{name}" sees the whole image, or does not run at unroll {count}; name a layer of '
            "filters with a receptive field"
        )
    shape = net.graph.layers[name].output_shape
    return grid_of(field, shape[1:], net.graph.input_shape[1:], positions, seed)


def _samples(
    net: LoopyNet,
    images: Tensor,
    names: Sequence[str],
    grid: Grid,
    side: Side,
    batch_size: int,
    what: str,
    progress: Progress | None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pixels [n, P, regressors] and responses [n, P, k, filters] of each batch, float64."""
    rows, columns = grid.places.T
    for part in batches(len(images), batch_size, what, progress):
        with recorded(net, side) as found:
            net(images[part], unrolls=len(names), record=found.__setitem__)
        taken = [found[name][:, :, rows, columns].transpose(1, 2) for name in names]
        yield patches(images[part], grid).double(), torch.stack(taken, dim=2).double()


def _unexplained(
    size: tuple[int, int], fitted: float, each: Tensor, draws: Tensor, *, channels: int
) -> Unexplained:
    known = each[~each.isnan()]
    mean = float(known.mean()) if len(known) else float("nan")
    return Unexplained(
        field=size,
        regressors=size[0] * size[1] * channels,
        each=tuple(each.tolist()),
        over_filters=mean_over_seeds(known.numpy()) if len(known) else Estimate(mean),
        over_images=_interval(mean, draws),
        fitted=fitted,
    )


def _interval(mean: float, draws: Tensor) -> Estimate:
    """Return a figure with the middle 95 % of its bootstrap draws."""
    if not len(draws):
        return Estimate(mean)
    low, high = draws.quantile(torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    return Estimate(mean, low, high)

"""What each unroll adds to the gradient of a tied weight: the paper's dW_i = sum_j dW_ij.

The network is untied into copies with the same values. It computes the same function, and the
gradient of the copy that serves unroll j is the part of unroll j, exactly, for every kind of layer,
merge and projection.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter

import torch
from torch import Tensor, nn

from loopynet.errors import LoopyNetError
from loopynet.explain.frozen import check_described
from loopynet.explain.intervals import over_images
from loopynet.explain.sample import Progress, batches, check_sample
from loopynet.modules.gradient import Full
from loopynet.network import LoopyNet, loss_over_time
from loopynet.statistics import Estimate

Parts = dict[str, dict[int, Tensor]]

_COPY = re.compile(r"(layers|fits|merges)\.([^.@]+)(?:@(\d+))?\.(.+)")
_TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-3}


@dataclass(frozen=True, eq=False)
class WeightGradient:
    """The gradient of one weight, by unrolls.

    Attributes:
        name: of the weight, as in the tied network: layers.conv_1.op.weight.
        unrolls: those that use it.
        parts: the part of each, averaged over batches, in the weight's shape. A norm with numbers
            for each unroll has one set of them, [1, C]: its unrolls share nothing.
        norms: the length of each part, mean over batches with its 95 % interval over them.
        shares: each length as a share of their sum, from the means over batches.
        cosines: of the parts of each two unrolls, mean over batches; NaN where one is zero.
    """

    name: str
    unrolls: tuple[int, ...]
    parts: tuple[Tensor, ...]
    norms: tuple[Estimate, ...]
    shares: tuple[float, ...]
    cosines: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class GradientParts:
    """The gradients of all weights that more than one unroll uses.

    Attributes:
        images: how many were looked at.
        batch_size: in batches of how many.
        training: whether norms used the batch's own statistics.
        weights: by name.
    """

    images: int
    batch_size: int
    training: bool
    weights: Mapping[str, WeightGradient]


def gradients(
    net: LoopyNet,
    images: Tensor,
    labels: Tensor,
    *,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> GradientParts:
    """Return the parts of the weights' gradients that come from each unroll.

    The loss is the spec's, without label smoothing. The mode of the network counts: in training
    mode batch norm uses each batch's own statistics, as a training step does, and in evaluation
    mode the running ones. Of an untied network the parts are the gradients of its copies, so that
    both kinds stand in the same table. What comes from a layer that uses the weights of another one
    stands under its own name, if it runs more than once. Nothing of the network is changed.

    Args:
        net: a network with loops, in either mode.
        images: preprocessed images [N, *graph.input_shape].
        labels: class numbers [N].
        batch_size: images in a batch; that of the spec's training if None.
        progress: told after each batch.

    Raises:
        LoopyNetError: no loops, dropout in training mode, wrong shapes, or parts that do not sum to
            the tied weight's gradient (a share of 1e-3 in float32, 1e-9 in float64).
    """
    check_described(net)
    check_sample(net, images, labels, evaluation=False)
    _check_loops_and_chance(net)
    size = batch_size or net.spec.training.step_images
    if net.training and len(images) % size == 1 and len(images) > 1:
        images, labels = images[:-1], labels[:-1]  # batch norm needs two images
    untied = net.untie().requires_grad_()
    tied = copy.deepcopy(net).requires_grad_() if net.graph.tied else None
    every: list[Parts] = []
    for rows in batches(len(images), size, "gradients", progress):
        parts = _parts(untied, images[rows], labels[rows])
        if tied is not None:
            _check_sums(_by_owner(parts, tied), tied, images[rows], labels[rows])
        every.append(parts)
    names = [name for name, parts in every[0].items() if len(parts) > 1]
    weights = {name: _weight(name, [parts[name] for parts in every]) for name in names}
    return GradientParts(len(images), size, net.training, weights)


def _check_loops_and_chance(net: LoopyNet) -> None:
    if not net.graph.loops:
        raise LoopyNetError(
            f'"{net.graph.name}" has no loops: each weight is used once, and its gradient has one '
            "part"
        )
    random = (nn.Dropout, nn.Dropout2d, nn.RReLU)
    for name, module in net.named_modules():
        if module.training and isinstance(module, random) and getattr(module, "p", 1) > 0:
            raise LoopyNetError(
                f'"{name}" draws random numbers in training mode, which differ from copy to copy; '
                "call net.eval() first"
            )


def _parts(net: LoopyNet, x: Tensor, labels: Tensor) -> Parts:
    """Return the gradients of an untied network's copies, by the tied name and the unroll."""
    # [N, classes], or [unrolls, N, classes]
    logits = net(x, unrolls=net.graph.steps, gradient=Full())
    loss = loss_over_time(logits, labels, net.spec.loss.steps)
    named = dict(net.named_parameters())
    body = {key: p for key, p in named.items() if not _in_head(net, key)}
    found: Parts = {}
    if not loss.requires_grad:  # a network without weights
        return found
    grads = torch.autograd.grad(
        loss, [logits, *body.values()], retain_graph=True, materialize_grads=True
    )
    for key, gradient in zip(body, grads[1:], strict=True):
        name, t = _tied_name(key)
        found.setdefault(name, {})[t or 1] = gradient
    head = {key: p for key, p in named.items() if _in_head(net, key)}
    if head and logits.dim() == 3:
        _add_head(found, net, head, logits, grads[0])
    return found


def _add_head(
    found: Parts, net: LoopyNet, head: Mapping[str, Tensor], logits: Tensor, gradient: Tensor
) -> None:
    """Add the parts of a head that is read at every unroll: its runs do not meet but in the loss.

    Args:
        found: is added to.
        net: the untied network, whose head is tied all the same.
        head: its parameters.
        logits: [unrolls, N, classes].
        gradient: of the loss with respect to the logits.
    """
    for t in range(1, len(logits) + 1):
        chosen = torch.zeros_like(gradient)
        chosen[t - 1] = gradient[t - 1]
        grads = torch.autograd.grad(
            logits, list(head.values()), chosen, retain_graph=True, materialize_grads=True
        )
        for key, part in zip(head, grads, strict=True):
            several = _sets(net, key) > 1
            found.setdefault(key, {})[t] = part[t - 1 : t] if several else part


def _in_head(net: LoopyNet, key: str) -> bool:
    home, name, *_ = key.split(".")
    name = name.partition("@")[0]
    if home == "layers":
        return net.graph.layers[name].section == "head"
    edge = next(e for e in net.graph.edges if e.name == name)
    section = edge.section if home == "fits" else net.graph.section_of(edge.target)
    return section == "head"


def _sets(net: nn.Module, key: str) -> int:
    """Return how many sets of numbers, one for each unroll, a parameter holds."""
    return len(net.get_parameter(key)) if ".norm." in key else 1


def _tied_name(key: str) -> tuple[str, int]:
    """Return a copy's tied name and its unroll; 0 for what has no copies."""
    match = _COPY.fullmatch(key)
    if match is None or match[3] is None:
        return key, 0
    return f"{match[1]}.{match[2]}.{match[4]}", int(match[3])


def _by_owner(parts: Parts, tied: LoopyNet) -> dict[str, list[tuple[int, Tensor]]]:
    """Return all parts of each weight with their unrolls, those of layers that share it too."""
    found: dict[str, list[tuple[int, Tensor]]] = {}
    for key, each in parts.items():
        home, name, *_ = key.split(".")
        owner, end = tied.graph.shared.get(name, name), key.rpartition(".")[2]
        if home == "layers" and ".op." in key and owner != name:
            own = f"layers.{owner}.op."
            key = next(k for k in parts if k.startswith(own) and k.endswith(f".{end}"))
        found.setdefault(key, []).extend(each.items())
    return found


def _check_sums(
    parts: Mapping[str, list[tuple[int, Tensor]]],
    tied: LoopyNet,
    x: Tensor,
    labels: Tensor,
) -> None:
    """Raise LoopyNetError unless the parts sum to the tied network's own gradient."""
    named = dict(tied.named_parameters())
    loss = loss_over_time(
        tied(x, unrolls=tied.graph.steps, gradient=Full()), labels, tied.spec.loss.steps
    )
    if not loss.requires_grad:
        return
    wholes = torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
    for (key, parameter), whole in zip(named.items(), wholes, strict=True):
        if key not in parts or not parameter.numel():
            continue
        summed, sizes = torch.zeros_like(whole), torch.zeros_like(whole)
        several = _sets(tied, key) > 1  # one for each unroll at which the layer runs
        for i, (_, part) in enumerate(sorted(parts[key], key=itemgetter(0))):
            rows = slice(i, i + 1) if several else slice(None)
            summed[rows] += part
            sizes[rows] += part.abs()
        allowed = _TOLERANCES.get(whole.dtype, 1e-2) * float(sizes.max()) + 1e-12
        if float((summed - whole).abs().max()) > allowed:
            raise LoopyNetError(
                f'the parts of "{key}" do not sum to its gradient: a layer of '
                f'"{tied.graph.name}" is random, or does not compute the same twice'
            )


def _weight(name: str, every: list[dict[int, Tensor]]) -> WeightGradient:
    """Return the figures of one weight from its parts in each batch."""
    unrolls = tuple(sorted(every[0]))
    stacked = torch.stack([torch.stack([p[t].flatten() for t in unrolls]) for p in every])
    lengths = stacked.double().norm(dim=2)  # [batches, unrolls]
    unit = stacked.double() / lengths[:, :, None]  # NaN where a part is zero
    cosines = (unit @ unit.transpose(1, 2)).nanmean(0)
    means = lengths.mean(0)
    return WeightGradient(
        name=name,
        unrolls=unrolls,
        parts=tuple(torch.stack([p[t] for p in every]).mean(0) for t in unrolls),
        norms=tuple(over_images(column) for column in lengths.T),
        shares=tuple((means / means.sum()).tolist()),
        cosines=tuple(tuple(row) for row in cosines.tolist()),
    )

"""One loop of a wrapped model: the layers on its way, its fit, its merge and its gain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from loopynet.errors import LoopyNetError
from loopynet.graph import LayerNode
from loopynet.modules.merge import Pad, Project
from loopynet.network.layer import Layer
from loopynet.parts.merges import merges
from loopynet.parts.shape import Shape, padded_shape, show
from loopynet.spec import Loop
from loopynet.wrap.ends import Ends


class LoopEdge(nn.Module):
    """A loop from a module's output into a module's input.

    Tokens [N, T, C] are merged and fitted as images [N, C, T, 1], so that what is learned mixes
    channels at each token.

    Args:
        name: the loop's name.
        loop: its options.
        ends: where it starts and ends.
        way: the layers on its way, with their shapes.
        identity: whether a gain, 0 at first, multiplies what the merge changes.

    Raises:
        LoopyNetError: the signal does not fit.
    """

    def __init__(
        self,
        name: str,
        loop: Loop,
        ends: Ends,
        way: Sequence[tuple[nn.Module, LayerNode]],
        *,
        identity: bool,
    ) -> None:
        super().__init__()
        self.name = name
        self.loop = loop
        self.source, self.target = ends.source, ends.target
        self.nodes = {node.name: node for _, node in way}
        raw, target = way[-1][1].output_shape if way else ends.source_shape, ends.target_shape
        self.source_shape, self.raw_shape, self.target_shape = ends.source_shape, raw, target
        part = merges.get(loop.merge)
        self.through = nn.ModuleDict({node.name: module for module, node in way})
        signal, x = self.signal_image, self.target_image = _as_image(raw), _as_image(target)
        self.concatenates = part.concatenates
        fits = part.fits(x, signal) and len(raw) == len(target)
        self.resizes = loop.fit in ("resize", "project") and len(x) == 3
        self.mix: Project | None = None
        self.pad: Pad | None = None
        if not fits:
            _check_fit(name, loop, self, signal, x)
            if loop.fit == "project":
                self.mix, signal = _projection(signal, x)
            if loop.fit == "pad":
                to = part.wanted(x, signal)
                self.pad, signal = Pad(signal, to), to
        if len(target) not in (1, 2, 3) and (part.concatenates or part.parameters(x)):
            raise LoopyNetError(
                f"{name}.merge: {loop.merge} takes images [C, H, W], tokens [T, C] and vectors "
                f"[F], and the input of {self.target} is {show(target)}; write sum or modulate"
            )
        self.channels = signal[0] if signal else 0
        self.op = part.build(x)
        joined = part.shape(x, (self.channels, *x[1:]))
        self.back = Project(joined, x) if part.concatenates else None
        self.gain = nn.Parameter(torch.zeros(1)) if identity else None

    @property
    def fitted_shape(self) -> Shape:
        """The signal's shape as it is merged, without the batch."""
        shape = self.target_shape
        if self.concatenates:
            shape = (*shape[:-1], self.channels) if len(shape) == 2 else (self.channels, *shape[1:])
        return shape

    @property
    def fit_word(self) -> str:
        """What brings the signal into shape: project, pad, resize or nothing."""
        if self.mix is not None:
            return "project"
        if self.pad is not None:
            return "pad"
        return "" if self.raw_shape[-2:] == self.target_shape[-2:] else "resize"

    def signal(self, x: Tensor, like: Tensor, t: int) -> Tensor:
        """Return the signal of unroll t, as the merge takes it.

        Args:
            x: the source's output.
            like: the target's input, whose height and width count.
            t: the unroll, from 1.
        """
        for layer in self.through.values():
            x = layer(x, t) if isinstance(layer, Layer) else layer(x)
        x = _to_image(x)
        if self.mix is not None:
            x = self.mix(x)
        if self.pad is not None:
            x = self.pad(x)
        if self.resizes:
            size = _to_image(like).shape[2:]
            if x.shape[2:] == (1, 1):
                x = x.expand(-1, -1, *size)
            elif x.shape[2:] != size:
                x = functional.interpolate(x, size, mode="bilinear", align_corners=False)
        return _as_given(x, like)

    def initial(self, x: Tensor) -> Tensor | None:
        """Return what the merge sees before the first signal; None if it is absent."""
        if self.loop.initial in (None, "absent"):
            return None
        image = _to_image(x)
        value = 0.0 if self.loop.initial == "zero" else 1.0
        channels = (self.channels,) if self.concatenates else image.shape[1:2]
        shape = (image.shape[0], *channels, *image.shape[2:])
        return _as_given(image.new_full(shape, value), x)

    def merge(self, x: Tensor, signal: Tensor) -> Tensor:
        """Return the target's input with the signal: x + gain * (merge(x, signal) - x).

        Raises:
            LoopyNetError: their shapes differ.
        """
        image, given = _to_image(x), _to_image(signal)
        channels = image.shape[1:2] if not self.concatenates else (self.channels,)
        if given.shape != (image.shape[0], *channels, *image.shape[2:]):
            raise LoopyNetError(
                f"{self.name}: the signal from {self.source} has the shape "
                f"{show(tuple(signal.shape))} and the input of {self.target} "
                f"{show(tuple(x.shape))}; "
                'inputs of any size need fit="resize" or "project"'
            )
        merged: Tensor = self.op(image, given)
        if self.back is not None:
            merged = self.back(merged)
        merged = _as_given(merged, x)
        if self.gain is not None:
            merged = x + self.gain * (merged - x)
        return merged.to(x.dtype)


def _as_image(shape: Shape) -> Shape:
    """Return the shape in which a signal is merged: tokens [T, C] as [C, T, 1]."""
    return (shape[1], shape[0], 1) if len(shape) == 2 else shape


def _to_image(x: Tensor) -> Tensor:
    """Return tokens [N, T, C] as an image [N, C, T, 1]; anything else as it is."""
    return x.transpose(1, 2).unsqueeze(3) if x.dim() == 3 else x


def _as_given(image: Tensor, like: Tensor) -> Tensor:
    """Return an image as tokens if `like` are tokens."""
    return image.squeeze(3).transpose(1, 2) if like.dim() == 3 else image


def _projection(signal: Shape, x: Shape) -> tuple[Project, Shape]:
    """Return the learned map to the target's channels, and the shape that it gives."""
    if len(x) == 1:
        return Project(signal, x), x
    size = signal[1:] if len(signal) == 3 else (1, 1)  # height and width follow at the call
    to = (x[0], *size)
    return Project(signal, to), to


def _check_fit(name: str, loop: Loop, edge: LoopEdge, signal: Shape, x: Shape) -> None:
    """Raise LoopyNetError if a signal cannot be brought to its target's shape as asked."""
    raw, target = edge.raw_shape, edge.target_shape
    said = (
        f"{name}: the signal from {edge.source} is {show(raw)} and the input of {edge.target} is "
        f"{show(target)}"
    )
    if not {len(raw), len(target)} <= {1, 2, 3} or {len(raw), len(target)} == {2, 3}:
        raise LoopyNetError(f"{said}, which no fit joins; reshape the signal in a layer of through")
    if loop.fit == "error":
        raise LoopyNetError(f'{said}; write fit="project", or a layer in through that fits it')
    part = merges.get(loop.merge)
    if loop.fit == "pad" and padded_shape(signal, part.wanted(x, signal)) is None:
        raise LoopyNetError(
            f'{said}; fit="pad" leaves out positions and adds channels only: write fit="project"'
        )
    differ = len(signal) != 3 or len(x) != 3 or (signal[0] != x[0] and not part.concatenates)
    if loop.fit == "resize" and differ:
        raise LoopyNetError(
            f'{said}; fit="resize" changes height and width only: write fit="project"'
        )

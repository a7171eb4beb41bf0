"""Changes of a trained network's loops, one after the other: a lesion study.

Each change gives a new spec. The network of the last one gets the trained weights wherever it has
the same; what it has besides is named, for nothing has trained it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from loopynet.control import no_loops
from loopynet.control.change import changed as changed_spec
from loopynet.errors import LoopyNetError, SpecError
from loopynet.network import LoopyNet
from loopynet.parts.layers import LayerSpec, layer_types
from loopynet.spec import Loop, NetworkSpec

MOST_UNROLLS = 12
"""More than this takes too long to look at."""

MOST_CHANGES = 100


@dataclass(frozen=True)
class Cut:
    """A loop is cut, with the layers inside it; without any loop the network runs once."""

    loop: str

    def apply(self, spec: NetworkSpec) -> NetworkSpec:
        """Return the changed spec."""
        _loop(spec, self.loop)
        if len(spec.loops) == 1:
            return no_loops(spec)
        loops = {name: loop for name, loop in spec.loops.items() if name != self.loop}
        inside = set(spec.loops[self.loop].through)
        layers = {name: layer for name, layer in spec.layers.items() if name not in inside}
        return changed_spec(spec, {"loops": loops, "layers": layers})

    def __str__(self) -> str:
        return f"{self.loop} cut"


@dataclass(frozen=True)
class Rescale:
    """A loop's signal is multiplied by a number."""

    loop: str
    factor: float

    def apply(self, spec: NetworkSpec) -> NetworkSpec:
        """Return the changed spec: a layer of type scale is the last one inside the loop."""
        loop, name = _loop(spec, self.loop), f"scale_{self.loop}"
        through = [*(n for n in loop.through if n != name), name]
        scale = layer_types.get("scale").model_validate({"type": "scale", "factor": self.factor})
        layers: dict[str, LayerSpec] = {**spec.layers, name: scale}
        loops = {**spec.loops, self.loop: _with(loop, through=through)}
        return changed_spec(spec, {"layers": layers, "loops": loops})

    def __str__(self) -> str:
        return f"{self.loop} times {self.factor:g}"


@dataclass(frozen=True)
class Remerge:
    """A loop's signal joins in another way."""

    loop: str
    merge: str

    def apply(self, spec: NetworkSpec) -> NetworkSpec:
        """Return the changed spec."""
        loop = _with(_loop(spec, self.loop), merge=self.merge)
        return changed_spec(spec, {"loops": {**spec.loops, self.loop: loop}})

    def __str__(self) -> str:
        return f"{self.loop} merges by {self.merge}"


@dataclass(frozen=True)
class Unrolls:
    """The loops run another number of times."""

    steps: int

    def apply(self, spec: NetworkSpec) -> NetworkSpec:
        """Return the changed spec."""
        if not spec.loops:
            raise LoopyNetError("the network has no loops any more, and runs once")
        if not 1 <= self.steps <= MOST_UNROLLS:
            raise LoopyNetError(f"the page runs 1 to {MOST_UNROLLS} unrolls")
        unroll = {**spec.unroll.model_dump(exclude_unset=True), "steps": self.steps}
        return changed_spec(spec, {"unroll": unroll})

    def __str__(self) -> str:
        return f"k = {self.steps}"


@dataclass(frozen=True)
class AddLoop:
    """A new loop, without a weight of its own unless `fit` is project."""

    source: str
    target: str
    merge: str = "sum"
    fit: str = "resize"

    def apply(self, spec: NetworkSpec) -> NetworkSpec:
        """Return the changed spec; it runs two unrolls at least."""
        taken = {*spec.loops, *spec.skips, *spec.layers}
        name = next(n for i in range(1, 10_000) if (n := f"loop_{i}") not in taken)
        edge = {"from": self.source, "to": self.target, "merge": self.merge, "fit": self.fit}
        changes: dict[str, Any] = {"loops": {**spec.loops, name: edge}}
        if spec.unroll.steps == 1:
            steps = {**spec.unroll.model_dump(exclude_unset=True), "steps": 3}
            changes["unroll"] = steps
        return changed_spec(spec, changes)

    def __str__(self) -> str:
        return f"loop from {self.source} to {self.target} added, merged by {self.merge}"


Change = Cut | Rescale | Remerge | Unrolls | AddLoop


@dataclass(frozen=True, eq=False)
class Changed:
    """A network after its changes.

    Attributes:
        spec: its description.
        net: the network, in evaluation mode.
        untrained: its weights that the trained network has not; they are as they were drawn.
    """

    spec: NetworkSpec
    net: LoopyNet
    untrained: tuple[str, ...]


def change(net: LoopyNet, changes: tuple[Change, ...]) -> Changed:
    """Return a network after changes; the network itself stays as it is.

    Args:
        net: the trained network.
        changes: from the first to the last.

    Raises:
        LoopyNetError: a change that cannot be made, with the reason.
    """
    if len(changes) > MOST_CHANGES:
        raise LoopyNetError(f"more than {MOST_CHANGES} changes; begin anew")
    spec = net.spec
    try:
        for one in changes:
            spec = one.apply(spec)
    except ValueError as error:  # of pydantic: a merge or a layer of no such name
        raise SpecError(_first_line(error)) from None
    new = seeded(spec)
    untrained = _take_weights(new, net.state_dict())
    return Changed(spec, new.eval(), untrained)


def seeded(spec: NetworkSpec) -> LoopyNet:
    """Return a network whose weights are drawn from the same seed each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LoopyNet(spec)


def _take_weights(net: LoopyNet, trained: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Load what both networks have; returns the names of the rest."""
    state, rest = net.state_dict(), []
    for key, value in state.items():
        found = _fitted(trained[key], value) if key in trained else None
        if found is None:
            rest.append(key)
        else:
            state[key] = found
    net.load_state_dict(state)
    return tuple(rest)


def _fitted(trained: Tensor, like: Tensor) -> Tensor | None:
    """Return a trained tensor in the shape of `like`; None if it has not.

    The numbers of a norm over time have a row for each unroll. Unrolls beyond the trained ones get
    those of the last, as a run with more unrolls does.
    """
    if trained.shape == like.shape:
        return trained
    if trained.dim() != 2 or like.dim() != 2 or trained.shape[1:] != like.shape[1:]:
        return None
    rows = torch.arange(len(like)).clamp(max=len(trained) - 1)
    return trained[rows]


def _loop(spec: NetworkSpec, name: str) -> Loop:
    if name not in spec.loops:
        raise LoopyNetError(f'there is no loop "{str(name)[:80]}" any more; choose another one')
    return spec.loops[name]


def _with(loop: Loop, **options: Any) -> dict[str, Any]:
    return {**loop.model_dump(exclude_unset=True, by_alias=True), **options}


def _first_line(error: ValueError) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)

"""The responses of filters at each unroll, before or after their activation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import Tensor, nn

from loopynet.network import LoopyNet

Side = Literal["before", "after"]


@contextmanager
def recorded(net: LoopyNet, side: Side) -> Iterator[dict[str, Tensor]]:
    """Give a dict that each call of the network fills with its layers' responses, by conv_1@2.

    Hooks are set for the time of the block and removed after it.

    Args:
        net: the network; call it with `record=` the dict's own `__setitem__` inside the block.
        side: before the activation (after the norm), or after it.
    """
    found = _Responses()
    hooks = []
    if side == "before":
        for name, layer in net.layers.items():
            if isinstance(layer.activation, nn.Module):

                def keep(_: object, inputs: tuple[Tensor, ...], name: str = name) -> None:
                    found.coming[name.partition("@")[0]] = inputs[0]

                hooks.append(layer.activation.register_forward_pre_hook(keep))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


class _Responses(dict[str, Tensor]):
    """Takes a layer's output by name, or what its activation took just before."""

    def __init__(self) -> None:
        super().__init__()
        self.coming: dict[str, Tensor] = {}

    def __setitem__(self, name: str, output: Tensor) -> None:
        super().__setitem__(name, self.coming.pop(name.partition("@")[0], output))

"""Telling every activation of a call, on a copy of the network that nobody else uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor, nn

from loopynet.wrap.port import parts_of

Record = Callable[[str, Tensor], None]

OUTPUT = "output"
"""The name of what the model itself returns."""


class Recorder:
    """Tells a record the outputs of a network's modules, unroll by unroll.

    Args:
        record: called with name and value.
        modules: what is watched, by name; the recorder leaves hooks in them.
        several: the modules that are called several times in a pass: `relu#2@1`.
    """

    def __init__(
        self, record: Record, modules: Iterable[tuple[str, nn.Module]], several: frozenset[str]
    ) -> None:
        self._record = record
        self._several = several
        self._calls: Counter[str] = Counter()
        self.t = 0
        for name, module in modules:
            module.register_forward_hook(self._hook(name or OUTPUT))

    def begin(self, t: int) -> None:
        """Say that what follows is unroll t."""
        self.t = t
        self._calls.clear()

    def tell(self, name: str, value: Tensor) -> None:
        """Tell a value, as it is now: the model may change it in place."""
        self._record(f"{name}@{self.t}", value.clone())

    def tell_merge(self, name: str, x: Tensor, signal: Tensor, merged: Tensor) -> None:
        """Tell what a loop's merge joins and gives."""
        self.tell(f"{name}.forward", x)
        self.tell(f"{name}.signal", signal)
        self.tell(name, merged)

    def _hook(self, path: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            self._calls[path] += 1
            calls = self._calls[path]
            name = f"{path}#{calls}" if calls > 1 or path in self._several else path
            for part, value in tensors_of(output):
                self.tell(name + part, value)

        return hook


def tensors_of(output: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of what a module returned, each with its part: "", "[0]", "[logits]"."""
    if isinstance(output, Tensor):
        yield "", output
    for key, value in parts_of(output).items():
        if isinstance(value, Tensor):
            yield f"[{key}]", value

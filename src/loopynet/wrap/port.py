"""Where a loop starts or ends in a model: a module, one of its calls, one of its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from loopynet.errors import LoopyNetError, did_you_mean
from loopynet.parts.shape import show

_PORT = re.compile(r"([^#\[\]@\s]+)(?:#([1-9]\d*))?(?:\[(\w+)\])?")


@dataclass(frozen=True)
class Port:
    """One end of a loop, written `layer4`, `relu#2`, `attention[0]` or `decoder#1[hidden]`.

    Attributes:
        path: the module's dotted name in the model.
        call: which of its calls in a pass, from 1; None for the only one.
        part: which of its tensors: an index or a keyword; None for the only one. At the start of
            a loop, of what the module returns; at the end, of its arguments.
    """

    path: str
    call: int | None = None
    part: int | str | None = None

    @classmethod
    def parse(cls, text: str, where: str, known: Mapping[str, str]) -> Port:
        """Return the port that a text names.

        Args:
            text: such as "layer4" or "attention#2[0]".
            where: "loop_1.from", for messages.
            known: the dotted names of the model's modules, each with the first name of its module.

        Raises:
            LoopyNetError: the model has no such module, or the text is no such name.
        """
        match = _PORT.fullmatch(text)
        if match is None:
            raise LoopyNetError(
                f'{where}: "{text}" is no name of a module; write it as "layer4", with its second '
                'call in a pass as "layer4#2", with one of several tensors as "layer4[0]"'
            )
        path, call, part = match.groups()
        if path not in known:
            hint = did_you_mean(path, known) or f" Its modules: {', '.join([*known][:20])}."
            raise LoopyNetError(f'{where}: the model has no module "{path}".{hint}')
        index = int(part) if part is not None and part.isdecimal() else part
        return cls(known[path], int(call) if call else None, index)

    def __str__(self) -> str:
        call = f"#{self.call}" if self.call else ""
        return f"{self.path}{call}" + ("" if self.part is None else f"[{self.part}]")

    def of_output(self, output: Any) -> Tensor:
        """Return the tensor of what the module returned.

        Raises:
            LoopyNetError: that is no single tensor, or has no such part.
        """
        value = output if self.part is None else _part(output, self.part)
        if isinstance(value, Tensor):
            return value
        if self.part is None:
            advice = f'name one of them: "{self}[{_first(output)}]"'
        else:
            advice = "name one that is a tensor"
        raise LoopyNetError(f'"{self.path}" returns {describe(output)}; {advice}')

    def of_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | str:
        """Return the position or keyword of the tensor that a signal joins.

        Without a part: the first argument, or the only tensor among the keywords.

        Raises:
            LoopyNetError: the module was called without such a tensor.
        """
        if self.part is None:
            tensors = [key for key, value in kwargs.items() if isinstance(value, Tensor)]
            place = 0 if args else tensors[0] if len(tensors) == 1 else None
        else:
            place = self.part
        found = None if place is None else argument(args, kwargs, place)
        if isinstance(found, Tensor) and found.is_floating_point() and place is not None:
            return place
        if isinstance(found, Tensor):
            raise LoopyNetError(
                f'"{self}" takes {describe(found)}, and a signal joins only floating-point numbers'
            )
        given = describe({**dict(enumerate(args)), **kwargs})
        raise LoopyNetError(
            f'"{self.path}" is called with {given}, where "{self}" names no tensor; name one as '
            f'"{self.path}[0]" or by its keyword'
        )


def argument(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int | str) -> Any:
    """Return an argument by position or keyword; None if there is none."""
    if isinstance(place, str):
        return kwargs.get(place)
    return args[place] if place < len(args) else None


def describe(value: Any) -> str:
    """Return what a value is, as messages say it: a tuple (0: [2, 17, 32], 1: NoneType)."""
    if isinstance(value, Tensor):
        kind = "" if value.is_floating_point() else f" of {str(value.dtype)[6:]}"
        return show(tuple(value.shape)) + kind
    if not isinstance(value, Mapping | tuple | list):
        return type(value).__name__
    parts = [f"{key}: {describe(part)}" for key, part in parts_of(value).items()]
    return f"{type(value).__name__} ({', '.join(parts)})"


def parts_of(value: Any) -> dict[int | str, Any]:
    """Return the parts of what holds several values, by index or key."""
    if isinstance(value, Mapping):
        return dict(value.items())
    return dict(enumerate(value)) if isinstance(value, tuple | list) else {}


def _part(output: Any, part: int | str) -> Any:
    if isinstance(part, str) and not isinstance(output, Mapping):
        return getattr(output, part, None)  # of a named tuple or a data class
    return parts_of(output).get(part)


def _first(output: Any) -> int | str:
    """Return the first tensor's index or key; 0 if there is none."""
    parts = parts_of(output).items()
    return next((key for key, value in parts if isinstance(value, Tensor)), 0)

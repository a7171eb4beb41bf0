"""The templates of the imported file, and each layer as its difference from its template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Options = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A layer on its way into the new file.

    Attributes:
        options: all of its options, in our words.
        template: the new name of its template, or None.
        own: the options that the old file gave in the layer itself.
        silent: options that are our default and need not be said (unless the template says else).
    """

    options: Options
    template: str | None = None
    own: frozenset[str] = frozenset()
    silent: Mapping[str, Any] = field(default_factory=dict)


def shared_options(layers: list[Entry]) -> Options:
    """Return what the layers of one template have in common and none of them says itself."""
    shared: Options = {}
    for name in dict.fromkeys(name for layer in layers for name in layer.options):
        inherited = [layer.options.get(name) for layer in layers if name not in layer.own]
        if inherited and all(_same(value, inherited[0]) for value in inherited):
            shared[name] = inherited[0]
    return {name: value for name, value in shared.items() if not (name == "bias" and value is True)}


def difference(layer: Entry, template: Options) -> Options:
    """Return what `layer` must say so that it and `template` together are all of its options."""
    said = {
        name: value
        for name, value in layer.options.items()
        if (name in template and not _same(value, template[name]))
        or (name not in template and not _is_silent(name, value, layer))
    }
    return said if layer.template is None else {"template": layer.template, **said}


def _is_silent(name: str, value: Any, layer: Entry) -> bool:
    return name in layer.silent and _same(value, layer.silent[name])


def _same(first: Any, second: Any) -> bool:
    # As text, since 1 == True == 1.0 in Python.
    return repr(first) == repr(second)

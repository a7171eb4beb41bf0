"""An imported spec as YAML text that people like to read and change."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import yaml

from loopynet.legacy.importer import ImportedSpec

# Sections whose entries stand below each other, each entry on its line.
_LISTED = ("templates", "layers", "loops")


class _Flow(dict[str, Any]):
    """A mapping that is written on one line."""


class _FlowList(list[Any]):
    """A list that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """The safe dumper, which also writes `_Flow` and `_FlowList`, and no aliases."""

    def ignore_aliases(self, _: Any) -> bool:
        """Write every value out."""
        return True


def _flow(dumper: _Dumper, data: _Flow) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)


def _flow_list(dumper: _Dumper, data: _FlowList) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)


_Dumper.add_representer(_Flow, _flow)
_Dumper.add_representer(_FlowList, _flow_list)


def to_yaml(imported: ImportedSpec) -> str:
    """Return the spec as YAML text, its notes as comments at the top."""
    document = {
        key: {name: _one_line(entry) for name, entry in value.items()}
        if key in _LISTED
        else _one_line(value)
        for key, value in imported.spec.items()
    }
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    comments = ["# Imported from a network file of the 2016 loopy-CNN library."]
    for note in imported.notes:
        comments += wrap(note, 98, initial_indent="# - ", subsequent_indent="#   ")
    return "\n".join(comments) + "\n" + body


def _one_line(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _Flow((key, _one_line(item)) for key, item in value.items())
    if isinstance(value, list):
        return _FlowList(_one_line(item) for item in value)
    return value

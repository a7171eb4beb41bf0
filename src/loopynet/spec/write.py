"""From a NetworkSpec to YAML: compact, as a person would write it, or with every default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from loopynet.foreign import write_whole
from loopynet.parts.layers import LayerSpec
from loopynet.spec.network import NetworkSpec
from loopynet.spec.source import plain_value


def to_yaml(spec: NetworkSpec, *, resolved: bool = False) -> str:
    """Return the spec as YAML text.

    Args:
        resolved: write every default and no templates, instead of what was set only. Both forms
            read back to a spec that builds the same network and training.
    """
    document = resolved_document(spec) if resolved else _compact(spec)
    return yaml.dump(_Flow.wrap(document), Dumper=_Dumper, sort_keys=False, width=100)


def write_spec(spec: NetworkSpec, file: Path | str, *, resolved: bool = False) -> None:
    """Write the spec as a YAML file, whole or not at all.

    Args:
        spec: the network.
        file: its path; a file that is there is replaced.
        resolved: as in `to_yaml`.
    """
    write_whole(Path(file), to_yaml(spec, resolved=resolved))


def resolved_document(spec: NetworkSpec) -> dict[str, Any]:
    """Return the spec as plain data with every default written and templates merged in."""
    document = spec.model_dump(mode="json", by_alias=True, exclude={"templates"})
    for layer in document["layers"].values():
        del layer["template"]
        if layer["norm"] is None:
            del layer["norm"]
    return document


def _compact(spec: NetworkSpec) -> dict[str, Any]:
    document = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["layers"] = {
        name: _layer(layer, spec.templates) for name, layer in spec.layers.items()
    }
    return document


def _layer(layer: LayerSpec, templates: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a layer's own options: those set that its template does not set to the same."""
    options = layer.model_dump(mode="json", by_alias=True, exclude_unset=True)
    options = {"type": layer.type, **options}
    template = templates.get(layer.template or "", {})
    own = {
        key: value
        for key, value in options.items()
        if key not in template or not _inherits(layer, options, key, template[key])
    }
    return {**({"template": own.pop("template")} if layer.template else {}), **own}


def _inherits(layer: LayerSpec, options: dict[str, Any], key: str, value: Any) -> bool:
    """Say whether a template's value of an option is the layer's."""
    if key == "template":
        return False
    try:
        inherited = type(layer).model_validate({**options, key: value})
    except ValidationError:
        return False
    return bool(getattr(inherited, key) == getattr(layer, key))


class _Flow(dict):  # type: ignore[type-arg]
    """A mapping written on one line: {type: conv2d, filters: 16}."""

    @staticmethod
    def wrap(document: dict[str, Any]) -> dict[str, Any]:
        """Return the document with its inner mappings on one line each."""
        deep = {"templates", "layers", "loops", "skips"}
        return {
            key: {name: _flow(item) for name, item in value.items()}
            if key in deep
            else _flow(value)
            for key, value in document.items()
        }


class _FlowList(list):  # type: ignore[type-arg]
    """A list written on one line."""


def _flow(value: Any) -> Any:
    if isinstance(value, dict):
        return _Flow({key: _flow(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return _FlowList(_flow(item) for item in value)
    return value


class _Dumper(yaml.SafeDumper):
    """Plain data; short inner mappings and lists in flow style."""


def _represent_flow(dumper: yaml.SafeDumper, value: Any) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)


def _represent_flow_list(dumper: yaml.SafeDumper, value: Any) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    """Quote a text that our reader would take for a number."""
    style = None if plain_value(value) == value else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(_Flow, _represent_flow)
_Dumper.add_representer(_FlowList, _represent_flow_list)

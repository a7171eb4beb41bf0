"""A spec with some of its keys changed, written as briefly as the original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from loopynet.parts.layers import LayerSpec
from loopynet.spec.network import NetworkSpec

LONGEST_NAME = 100
"""Of a NetworkSpec."""


def changed(
    spec: NetworkSpec,
    changes: Mapping[str, Any],
    *,
    suffix: str = "",
    removed: tuple[str, ...] = (),
) -> NetworkSpec:
    """Return a validated copy of a spec.

    Keys that the original does not set stay unset, and templates that no layer uses any more are
    left out, so that its YAML stays short.

    Args:
        changes: the new values of top-level keys.
        suffix: appended to the name, after a hyphen.
        removed: top-level keys that fall back to their defaults.
    """
    kept = {key: getattr(spec, key) for key in spec.model_fields_set if key not in removed}
    document = {**kept, **changes}
    if suffix:
        document["name"] = f"{spec.name[: LONGEST_NAME - 1 - len(suffix)]}-{suffix}"
    if spec.templates:
        document["templates"] = _templates(spec, document["layers"])
        if not document["templates"]:
            del document["templates"]
    return NetworkSpec.model_validate(document)


def _templates(spec: NetworkSpec, layers: Mapping[str, LayerSpec]) -> dict[str, dict[str, Any]]:
    """Return the templates that are used, with the widths that their layers have now."""
    kept = {}
    for template, options in spec.templates.items():
        users = [name for name, layer in layers.items() if layer.template == template]
        if users:
            kept[template] = dict(options)
        for key in ("filters", "units", "groups"):
            inherited = [
                getattr(layers[name], key)
                for name in users
                if key in options and getattr(spec.layers[name], key) == options[key]
            ]
            if inherited:
                kept[template][key] = Counter(inherited).most_common(1)[0][0]
    return kept

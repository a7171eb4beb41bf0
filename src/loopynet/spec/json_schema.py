"""The JSON schema of the YAML format, with which editors complete and check keys.

Made from the pydantic models and the registries, as the reference page is.
`docs/make_reference.py` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import TypeAdapter

from loopynet.parts.activations import activations
from loopynet.parts.choice import Choice, ChoiceFrom, FunctionRegistry
from loopynet.parts.gradients import gradients, solvers
from loopynet.parts.initializers import initializers
from loopynet.parts.layers import LayerSpec, layer_types
from loopynet.parts.model import SpecModel
from loopynet.parts.optimizers import optimizers, schedules
from loopynet.parts.unrollings import unrollings
from loopynet.spec.network import NetworkSpec
from loopynet.spec.training import TrainingSpec
from loopynet.spec.wiring import Unroll

Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return a JSON schema of the YAML format, for editors that complete and check keys.

    A layer is one of the registered types, or the options of any type beside a template's name.
    Names are known in their canonical form only, and nothing is checked that needs the whole
    network.
    """
    schema = NetworkSpec.model_json_schema()
    kinds = {cls.__name__: _layer_schema(cls) for cls in map(layer_types.get, layer_types.names())}
    template = _any_of_their_options(kinds.values())
    inherited = {**template, "title": "inherits from a template", "required": ["template"]}
    definitions = schema["$defs"] | kinds | {"template": template, "inherited": inherited}
    choices = (activations, initializers, optimizers, schedules, gradients, solvers, unrollings)
    for registry in choices:
        annotated = Annotated[Choice, ChoiceFrom(registry)]
        definitions[_definition(registry)] = TypeAdapter(annotated).json_schema()
    for model in (TrainingSpec, Unroll):
        _refer_to_choices(model, definitions[model.__name__])
    norm = definitions["NormSpec"]
    definitions["NormSpec"] = {"anyOf": [{"enum": norm["properties"]["type"]["enum"]}, norm]}
    alternatives = [{"$ref": f"#/$defs/{name}"} for name in (*kinds, "inherited")]
    _set_entries(schema["properties"]["layers"], {"anyOf": alternatives})
    _set_entries(schema["properties"]["templates"], {"$ref": "#/$defs/template"})
    version = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**version, **schema, "$defs": definitions}


def _layer_schema(cls: type[LayerSpec]) -> Schema:
    """Return the schema of one layer type, whose `type` must be written."""
    schema = cls.model_json_schema()
    schema.pop("$defs")
    _refer_to_choices(cls, schema)
    return {**schema, "required": ["type", *schema.get("required", [])]}


def _refer_to_choices(cls: type[SpecModel], schema: Schema) -> None:
    for name, info in cls.model_fields.items():
        for mark in info.metadata:
            if isinstance(mark, ChoiceFrom):
                reference = {"$ref": f"#/$defs/{_definition(mark.registry)}"}
                about = {"description": info.description, "default": info.default.plain()}
                schema["properties"][name] = reference | about


def _definition(registry: FunctionRegistry) -> str:
    return registry.kind.replace(" ", "-")


def _any_of_their_options(layers: Iterable[Schema]) -> Schema:
    """Return the schema of a mapping with options of any layer type, none of them required."""
    found: dict[str, list[Schema]] = {}
    for layer in layers:
        for key, option in layer["properties"].items():
            if option not in found.setdefault(key, []):
                found[key].append(option)
    properties = {
        key: each[0] if len(each) == 1 else {"anyOf": each} for key, each in found.items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _set_entries(schema: Schema, entry: Schema) -> None:
    schema["patternProperties"] = dict.fromkeys(schema["patternProperties"], entry)

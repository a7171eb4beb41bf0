"""docs/reference.md and docs/loopynet.schema.json are in step with the code."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from docs_pages import DOCS, Block, every_block

from loopynet.parts.activations import activations
from loopynet.parts.initializers import initializers
from loopynet.parts.layers import layer_types
from loopynet.parts.merges import merges
from loopynet.parts.optimizers import optimizers, schedules
from loopynet.spec.json_schema import json_schema
from loopynet.spec.reference import reference_markdown
from loopynet.zoo import zoo_names, zoo_text

REMEDY = "run: python docs/make_reference.py"
SCHEMA = json_schema()


def test_page_is_in_step() -> None:
    assert (DOCS / "reference.md").read_text(encoding="utf-8") == reference_markdown(), REMEDY


def test_schema_is_in_step() -> None:
    assert json.loads((DOCS / "loopynet.schema.json").read_text(encoding="utf-8")) == SCHEMA, REMEDY


@pytest.mark.parametrize("registry", [activations, initializers, merges, optimizers, schedules])
def test_every_name_has_a_row(registry: Any) -> None:
    page = reference_markdown()
    for name in registry.names():
        assert f"| `{name}` |" in page


def test_every_key_has_a_row() -> None:
    page = reference_markdown()
    for name in layer_types.names():
        section = page.split(f"\n### {name}\n")[1].split("\n#")[0]
        own = set(layer_types.get(name).model_fields) - {"type", "template", "activation", "norm"}
        for key in own - {"init", "bias", "bias_init", "weights_of"}:
            assert f"| `{key}` |" in section


@pytest.mark.parametrize("name", zoo_names())
def test_schema_accepts_the_zoo(name: str) -> None:
    assert mistakes(plain(zoo_text(name))) == []


@pytest.mark.parametrize("block", every_block("yaml"), ids=str)
def test_schema_agrees_with_the_pages(block: Block) -> None:
    found = mistakes(plain(block.text))
    missing = [f"{key} is missing" for key in ("input", "layers", "main")]
    assert [text for text in found if text not in missing] == [] or block.refused


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("filters: 64", "filter: 64"),
        ("merge: sum", "merge: summ"),
        ("type: conv2d", "type: conv3d"),
        ("steps: 3", "steps: 0"),
        ("activation: relu", "activation: rellu"),
        ("optimizer: adam", "optimizer: {name: adam}"),
        ("norm: {type: batch", "norm: {type: bath"),
        ("units: 10", "units: [10]"),
        ("main:", "mian:"),
    ],
)
def test_schema_refuses(before: str, after: str) -> None:
    text = zoo_text("cifar10-loopy")
    assert before in text
    assert mistakes(plain(text.replace(before, after)))


def plain(text: str) -> Any:
    """Return YAML as JSON-able data; 5e-4 is a number, as in our reader."""
    return yaml.safe_load(re.sub(r"\b(\d+)e(-?\d+)\b", r"\1.0e\2", text))


def mistakes(value: Any) -> list[str]:
    """Return what the schema finds wrong with a document."""
    return check(value, SCHEMA)


def check(value: Any, schema: dict[str, Any]) -> list[str]:
    """Return what is wrong, for the words of JSON schema that ours uses."""
    found: list[str] = []
    if "$ref" in schema:
        found += check(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    alternatives = schema.get("anyOf", schema.get("oneOf", ()))
    if alternatives and all(check(value, option) for option in alternatives):
        found.append(f"{value!r} is none of the alternatives")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{value!r} is not one of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{value!r} is not {schema['const']}")
    if "type" in schema and not is_type(value, schema["type"]):
        return [*found, f"{value!r} is no {schema['type']}"]
    if isinstance(value, dict):
        found += check_object(value, schema)
    if isinstance(value, list):
        found += check_list(value, schema)
    if isinstance(value, int | float) and not isinstance(value, bool):
        found += check_number(value, schema)
    return found


def check_list(value: list[Any], schema: dict[str, Any]) -> list[str]:
    items = schema.get("prefixItems") or [schema.get("items", {})] * len(value)
    found = [text for pair in zip(value, items, strict=False) for text in check(*pair)]
    fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9)
    return found if fits else [*found, f"{value!r} has the wrong length"]


def check_number(value: float, schema: dict[str, Any]) -> list[str]:
    too_low = value < schema.get("minimum", value) or value <= schema.get("exclusiveMinimum", -1e99)
    too_high = value > schema.get("maximum", value) or value >= schema.get("exclusiveMaximum", 1e99)
    return [f"{value!r} is out of range"] if too_low or too_high else []


def check_object(value: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    found = [f"{key} is missing" for key in schema.get("required", ()) if key not in value]
    for key, item in value.items():
        if key in schema.get("properties", {}):
            found += check(item, schema["properties"][key])
        elif matching := [
            s for p, s in schema.get("patternProperties", {}).items() if re.search(p, key)
        ]:
            found += check(item, matching[0])
        elif schema.get("additionalProperties") is False:
            found.append(f"unknown key {key}")
    return found


def is_type(value: Any, kind: str) -> bool:
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    kinds: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "integer": int, "number": int | float,
        "boolean": bool, "null": type(None),
    }  # fmt: skip
    return isinstance(value, kinds[kind])

"""The reference page of the YAML format, made from the models; json_schema.py is for editors.

Types, defaults and descriptions are read from the pydantic models and the registries, so that each
fact stands in one place. `docs/make_reference.py` writes it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from loopynet.parts.activations import activations
from loopynet.parts.choice import Choice, ChoiceFrom, FunctionRegistry
from loopynet.parts.gradients import gradients, solvers
from loopynet.parts.initializers import initializers
from loopynet.parts.layers import LayerSpec, WeightedLayerSpec, layer_types
from loopynet.parts.merges import merges
from loopynet.parts.model import SpecModel
from loopynet.parts.names import NameFrom
from loopynet.parts.norms import NormSpec
from loopynet.parts.optimizers import optimizers, schedules
from loopynet.parts.shape import LARGEST
from loopynet.parts.unrollings import unrollings
from loopynet.spec.augmentation import Augmentation
from loopynet.spec.data import DataSpec, Split
from loopynet.spec.network import InputSpec, NetworkSpec
from loopynet.spec.recipes import recipes
from loopynet.spec.training import EarlyStopping, Loss, Speed, TrainingSpec
from loopynet.spec.wiring import Loop, Skip, Unroll

Schema = dict[str, Any]

_ANCHORS = {
    "InputSpec": "input", "Loop": "loops", "Skip": "skips", "Unroll": "unroll", "NormSpec": "norm",
    "Loss": "loss", "DataSpec": "data", "Split": "split", "TrainingSpec": "training",
    "EarlyStopping": "early-stopping", "Speed": "speed",
}  # fmt: skip
"""The heading under which each model stands."""

_INTRODUCTION = """\
# Reference of the YAML format

Every key of a network file, with its type, its default and its meaning. Made by
`python docs/make_reference.py` from the code; `tests/docs/test_docs_reference.py` keeps it in step.
[spec.md](spec.md) is the introduction.

Names of layer types, activations, initializers, merges, optimizers and schedules match without
regard to case, hyphens and underscores, and by their PyTorch and Keras synonyms: `LeakyReLU`,
`swish` and `xavier_uniform` are found. Where a name with options is allowed, write the name alone,
or a mapping: `activation: {type: leaky_relu, negative_slope: 0.2}`."""


def reference_markdown() -> str:
    """Return the reference page: one section per part, one row per key or registered name."""
    augmentations: tuple[type[SpecModel], ...] = get_args(get_args(Augmentation)[0])
    sections = [
        _INTRODUCTION,
        _model("## Top level", NetworkSpec),
        _model("## Input", InputSpec),
        *_layers(),
        _functions("## Activations", activations),
        _functions("## Initializers", initializers),
        _merges(),
        _model("## Norm", NormSpec, "Written as a name (`norm: batch`) or as a mapping."),
        _model("## Loops", Loop),
        _model("## Skips", Skip),
        _model("## Unroll", Unroll),
        _model("## Loss", Loss),
        _model("## Data", DataSpec),
        _model("### Split", Split),
        _model("## Training", TrainingSpec),
        _model("### Early stopping", EarlyStopping),
        _model("### Speed", Speed),
        _recipes(),
        _functions("## Optimizers", optimizers),
        _functions("## Schedules", schedules),
        _functions("## Gradients", gradients),
        _functions("## Solvers", solvers),
        _functions("## Unrollings", unrollings),
        "## Augmentation\n\nEntries of `training.augmentation`, applied in the order written.",
        *(_model(f"### {kind.model_fields['type'].default}", kind) for kind in augmentations),
    ]
    return "\n\n".join(sections) + "\n"


def _layers() -> Iterator[str]:
    yield "## Layers\n\nA layer is an operation, then normalization, then an activation."
    yield f"### Options of every layer\n\n{_fields(LayerSpec)}"
    yield f"### Options of every layer with weights\n\n{_fields(WeightedLayerSpec, LayerSpec)}"
    for name in layer_types.names():
        cls = layer_types.get(name)
        note = "It has weights." if issubclass(cls, WeightedLayerSpec) else ""
        yield _model(f"### {name}", cls, note, WeightedLayerSpec)


def _model(
    heading: str, cls: type[SpecModel], note: str = "", base: type[SpecModel] = SpecModel
) -> str:
    """Return a section: the model's docstring up to its errors, and a table of its keys."""
    text = inspect.cleandoc(cls.__doc__ or "").split("\n\nRaises:")[0]
    return "\n\n".join(part for part in (heading, text, note, _fields(cls, base)) if part)


def _fields(cls: type[SpecModel], base: type[SpecModel] = SpecModel) -> str:
    """Return the table of a model's keys but for those of `base`."""
    properties = cls.model_json_schema()["properties"]
    rows = []
    for name, info in cls.model_fields.items():
        if name not in base.model_fields and (name != "type" or cls is NormSpec):
            key = info.alias or name
            rows.append((f"`{key}`", _type(info, properties[key]), _default(info), _meaning(info)))
    return _table(("key", "type", "default", "meaning"), rows) if rows else ""


def _type(info: FieldInfo, schema: Schema) -> str:
    """Return a field's type in plain words."""
    for mark in info.metadata:
        if isinstance(mark, ChoiceFrom | NameFrom):
            anchor = f"{mark.registry.kind.rpartition(' ')[2]}s"
            options = ", or a mapping with its options" if isinstance(mark, ChoiceFrom) else ""
            return f"a name of [{anchor}](#{anchor}){options}"
    if schema.get("title") == "Augmentation":
        return "list of [augmentations](#augmentation)"
    if schema.get("title") == "Layers":
        return "mapping of names to [layers](#layers)"
    return _words(schema)


def _words(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[mapping](#{_ANCHORS[name]})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_words(each) for each in schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        *most, last = (f"`{value}`" for value in schema["enum"])
        return f"{', '.join(most)} or {last}"
    kinds: dict[str, Callable[[Schema], str]] = {
        "integer": _number_words,
        "number": _number_words,
        "array": _array_words,
        "object": _object_words,
    }
    kind = schema.get("type", "")
    plain = {"boolean": "`true` or `false`", "string": "text", "null": "`null`"}
    return kinds[kind](schema) if kind in kinds else plain[kind]


def _number_words(schema: Schema) -> str:
    words = ["whole number" if schema["type"] == "integer" else "number"]
    if "minimum" in schema:
        words.append(f"from {schema['minimum']}")
    if "exclusiveMinimum" in schema:
        words.append(f"above {schema['exclusiveMinimum']}")
    if schema.get("maximum", LARGEST) < LARGEST:
        words.append(f"to {schema['maximum']}")
    if "exclusiveMaximum" in schema:
        words.append(f"to below {schema['exclusiveMaximum']}")
    return " ".join(words)


def _array_words(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(map(_words, schema['prefixItems']))}]"
    if schema.get("minItems") == schema.get("maxItems") == 2:
        return "[height, width] of such numbers"
    return "list of " + _words(schema["items"]).replace("number", "numbers").replace(
        "text", "names"
    )


def _object_words(schema: Schema) -> str:
    entry: Schema = next(iter(schema.get("patternProperties", {}).values()), {})
    if schema.get("additionalProperties", {}).get("type") == "integer":
        return f"mapping of layers to {_words(schema['additionalProperties'])}".replace(
            "number", "numbers"
        )
    anchor = _ANCHORS.get(entry.get("$ref", "").rpartition("/")[2])
    return f"mapping of names to [{anchor}](#{anchor})" if anchor else "mapping of names to options"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if isinstance(info.default, SpecModel):
        return "its own defaults"
    return f"`{_yaml(info.default)}`"


def _yaml(value: object) -> str:
    """Return a default as YAML writes it."""
    if isinstance(value, Choice):
        return _yaml(value.plain())
    if isinstance(value, float):
        return f"{value:.4g}"
    return json.dumps(value).strip('"')


def _meaning(info: FieldInfo) -> str:
    """Return a field's description; for a field that is a model, the model's first sentence."""
    if info.description:
        return info.description
    is_model = isinstance(info.annotation, type) and issubclass(info.annotation, SpecModel)
    doc = inspect.getdoc(info.annotation) if is_model else None
    return (doc or "").partition("\n")[0].rstrip(".")


def _functions(heading: str, registry: FunctionRegistry) -> str:
    rows = []
    for name in registry.names():
        parameters = inspect.signature(registry.get(name)).parameters
        options = [
            f"`{key}`: {_words(TypeAdapter(parameters[key].annotation).json_schema())}, "
            f"default `{_yaml(default)}`"
            for key, default in registry.options(name).items()
        ]
        doc = " ".join((inspect.getdoc(registry.get(name)) or "").split())
        rows.append((f"`{name}`", "; ".join(options), doc))
    return f"{heading}\n\n{_table(('name', 'options', 'meaning'), rows)}"


def _merges() -> str:
    rows = []
    for name in merges.names():
        part = merges.get(name)
        shapes = "channels may differ" if part.concatenates else "must be equal"
        rows.append((f"`{name}`", part.doc, shapes, "yes" if part.parameters((1,)) else "no"))
    text = "x is the target's input and f the signal of the loop or skip."
    header = ("name", "merged input", "shapes of x and f", "learned weights")
    return f"## Merges\n\n{text}\n\n{_table(header, rows)}"


def _recipes() -> str:
    rows = []
    for name in recipes.names():
        recipe = recipes.get(name)
        values = (f"`{key}: {_flow(value)}`" for key, value in recipe.values.items())
        rows.append((f"`{name}`", ", ".join(values), recipe.doc))
    text = "Values of `training.recipe` for the keys of `training` that are not written."
    return f"## Recipes\n\n{text}\n\n{_table(('name', 'values', 'meaning'), rows)}"


def _flow(value: object) -> str:
    """Return a value as a YAML file has it, on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return _yaml(value)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in row)} |" for row in lines
    )

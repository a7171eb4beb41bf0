"""The description of a network and of its training: what one YAML file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, SerializeAsAny, Strict, field_validator, model_validator
from pydantic_core import PydanticCustomError

from loopynet.errors import SpecError, did_you_mean
from loopynet.parts.layers import LayerSpec, layer_types
from loopynet.parts.model import located_errors
from loopynet.parts.norms import NormSpec
from loopynet.parts.shape import Count
from loopynet.parts.unrollings import unrollings
from loopynet.spec.base import SpecModel
from loopynet.spec.data import DataSpec
from loopynet.spec.schedule import first_readout
from loopynet.spec.training import Loss, TrainingSpec
from loopynet.spec.wiring import Loop, Skip, Unroll


def _layer(value: object) -> LayerSpec:
    if isinstance(value, LayerSpec):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("layer", "write a mapping, such as {type: conv2d, filters: 16}")
    if not isinstance(value.get("type"), str):
        raise PydanticCustomError("layer_type", "missing key type (or a template that has one)")
    try:
        cls = layer_types.get(value["type"])
    except SpecError as error:
        raise located_errors({("type",): str(error)}) from None
    return cls.model_validate({**value, "type": layer_types.canonical(value["type"])})


AnyLayer = Annotated[SerializeAsAny[LayerSpec], PlainValidator(_layer)]
Name = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64, description="a plain word")
]
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class InputSpec(SpecModel):
    """What enters the network."""

    shape: Annotated[tuple[Count, ...], Strict(False)] = Field(
        description="[channels, height, width] of an image, or [features] of a vector"
    )

    @field_validator("shape")
    @classmethod
    def _image_or_vector(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) not in (1, 3):
            raise PydanticCustomError("shape", "must be [channels, height, width] or [features]")
        return shape


class NetworkSpec(SpecModel):
    """A network with loops, and how to train it.

    `layers` may be given as layer objects or as mappings; a mapping that names a template inherits
    that template's options.

    Raises:
        pydantic.ValidationError: on construction, for anything that is not valid. Reading a file
            with `read_spec` gives SpecError with the line instead.
    """

    name: RunName = Field("network", description="names the run folder")
    input: InputSpec = Field(description="what enters the network")
    templates: dict[Name, dict[str, Any]] = Field({}, description="options that layers inherit")
    layers: dict[Name, AnyLayer] = Field(description="every layer by name")
    main: Annotated[tuple[str, ...], Strict(False)] = Field(
        description="the main stack: the chain from input to logits"
    )
    loops: dict[Name, Loop] = Field({}, description="feedback edges")
    skips: dict[Name, Skip] = Field({}, description="forward edges")
    unroll: Unroll = Field(Unroll(), description="how often and in which order the loops run")
    norm: NormSpec = Field(NormSpec(), description="normalizes every weighted layer but the last")
    readout: Literal["last", "each"] = Field(
        "last", description="logits of the last unroll, or of each"
    )
    loss: Loss = Field(Loss(), description="over which unrolls the loss is taken")
    data: DataSpec = Field(DataSpec(), description="what it is trained on")
    training: TrainingSpec = Field(TrainingSpec(), description="how it is trained")

    @field_validator("norm", mode="before")
    @classmethod
    def _norm_by_name(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, value: Any) -> Any:
        """Give each layer the options of its template that it does not set itself."""
        if not isinstance(value, Mapping) or not isinstance(value.get("layers"), Mapping):
            return value
        templates = value.get("templates") or {}
        if not isinstance(templates, Mapping):
            return value
        nested = [name for name, item in templates.items() if _has_template(item)]
        if nested:
            text = "a template cannot have one of its own; write its options here"
            raise located_errors({("templates", name, "template"): text for name in nested})
        layers = {name: _inherited(name, item, templates) for name, item in value["layers"].items()}
        return {**value, "layers": layers}

    @model_validator(mode="after")
    def _gradient_serves_unrolling(self) -> NetworkSpec:
        """A fixed point needs its own gradients, and they need a fixed point."""
        name, until = self.training.gradient.name, self.unroll.until
        if (name in _FIXED_POINT) == (until == "converged"):
            return self
        remedy = "unroll.until: converged" if until == "steps" else "implicit or phantom"
        text = f"{name} does not go with unroll.until: {until}; write {remedy}"
        raise located_errors({("training", "gradient"): text})

    @model_validator(mode="after")
    def _frozen_layers_exist(self) -> NetworkSpec:
        unknown = [name for name in self.training.freeze if name not in (*self.layers, MAIN)]
        if unknown:
            hint = did_you_mean(unknown[0], self.layers)
            text = f'no layer "{unknown[0][:80]}".{hint}'
            raise located_errors({("training", "freeze"): text})
        return self

    @model_validator(mode="after")
    def _varied_unrolls_are_possible(self) -> NetworkSpec:
        name = self.training.unrolls.name
        if name != "fixed" and self.unroll.until == "converged":
            text = f"{name} does not go with unroll.until: converged; write fixed"
            raise located_errors({("training", "unrolls"): text})
        if name != "fixed" and isinstance(self.loss.steps, tuple):
            text = f"has a weight for each unroll, and training.unrolls: {name} varies their number"
            raise located_errors({("loss", "steps"): f"{text}; write last or all"})
        least = unrollings.call(self.training.unrolls)(self.unroll.steps, 0.0, 0.0)
        first = first_readout(self)
        if least < first <= self.unroll.steps:  # else the graph refuses the number of steps
            text = f"{name} begins with {least}, and there are no logits before unroll {first}"
            option = next(iter(unrollings.options(name)), None)
            remedy = f"{{type: {name}, {option}: {first}}}" if option else "fixed"
            raise located_errors({("training", "unrolls"): f"{text}; write {remedy}"})
        return self

    @model_validator(mode="after")
    def _progressive_loss_is_possible(self) -> NetworkSpec:
        if self.loss.progressive and self.unroll.until == "converged":
            text = "takes a part of the unrolls, which unroll.until: converged does not count"
            raise located_errors({("loss", "progressive"): f"{text}; write 0"})
        return self

    @model_validator(mode="after")
    def _converged_has_one_answer(self) -> NetworkSpec:
        if self.unroll.until == "converged" and self.readout == "each":
            text = "has unrolls of no fixed number with unroll.until: converged; write last"
            raise located_errors({("readout",): text})
        return self

    @model_validator(mode="after")
    def _readout_serves_loss(self) -> NetworkSpec:
        steps = self.loss.steps
        if steps != "last" and self.readout != "each":
            text = "needs the logits of every unroll; write readout: each"
            raise located_errors({("loss", "steps"): text})
        first = first_readout(self)
        logits = self.unroll.steps - first + 1  # below 1 the graph refuses the number of steps
        if isinstance(steps, tuple) and logits > 0 and (len(steps) != logits or sum(steps) == 0):
            text = f"has {len(steps)} weights for unroll.steps {self.unroll.steps}"
            one_each = f"{logits}, one for each unroll from {first} on" if first > 1 else "one each"
            text = f"{text}; write {one_each}, not all zero"
            raise located_errors({("loss", "steps"): text})
        return self


MAIN = "main"
"""All layers of the main stack, in `training.freeze`."""

_FIXED_POINT = ("implicit", "phantom")


def _has_template(item: Any) -> bool:
    return isinstance(item, Mapping) and "template" in item


def _inherited(name: str, item: Any, templates: Mapping[str, Any]) -> Any:
    if isinstance(item, LayerSpec):
        if item.template is None:
            return item
        item = item.model_dump(exclude_unset=True) | {"type": item.type}
    if not isinstance(item, Mapping) or item.get("template") is None:
        return item
    template = item["template"]
    if not isinstance(template, str) or template not in templates:
        hint = did_you_mean(template, templates)
        text = f'no template "{str(template)[:80]}".{hint}'
        raise located_errors({("layers", name, "template"): text})
    options = templates[template]
    return {**options, **item} if isinstance(options, Mapping) else item

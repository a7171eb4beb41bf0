"""A choice among registered functions: `relu`, or `{type: leaky_relu, negative_slope: 0.2}`.

The options of a choice are the keyword parameters of the registered function: their types and
defaults are read from its signature, so that each fact stands in one place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, create_model
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from loopynet.errors import SpecError
from loopynet.parts.model import SpecModel
from loopynet.parts.registry import Registry

Rule = Callable[..., str | None]


@dataclass(frozen=True)
class Choice:
    """A registered function's name and the options it is called with.

    Attributes:
        name: the registered name.
        options: every option that differs from its default.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> str | dict[str, Any]:
        """Return what a YAML file holds: the name, or a mapping when there are options."""
        return {"type": self.name, **self.options} if self.options else self.name


class FunctionRegistry(Registry[Callable[..., Any]]):
    """A registry of functions whose keyword parameters are the options of a `Choice`."""

    def __init__(self, kind: str, group: str) -> None:
        super().__init__(kind, group)
        self._rules: dict[str, Rule] = {}

    def parse(self, value: object) -> Choice:
        """Return the choice that a YAML value describes.

        Raises:
            PydanticCustomError: an unknown name or a value of another kind.
            pydantic.ValidationError: an unknown option or one of the wrong type.
        """
        if isinstance(value, Choice):
            value = value.plain()
        if isinstance(value, str):
            value = {"type": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
            example = next(iter(self._parts))
            raise PydanticCustomError(
                "choice", "write a name ({example}) or a mapping with a type", {"example": example}
            )
        try:
            name = self.canonical(value["type"])
        except SpecError as error:
            raise PydanticCustomError("unknown_name", "{text}", {"text": str(error)}) from None
        # YAML has lists; options that take several numbers are tuples.
        given = {
            key: tuple(item) if isinstance(item, list) else item
            for key, item in value.items()
            if key != "type"
        }
        options = self._options_model(name).model_validate(given)
        objection = self._rules[name](**options.model_dump()) if name in self._rules else None
        if objection:
            raise PydanticCustomError("options", "{text}", {"text": objection})
        return Choice(name, options.model_dump(exclude_defaults=True, exclude_unset=True))

    def rule(self, name: str) -> Callable[[Rule], Rule]:
        """Return a decorator for a function that takes all options of `name` and may object.

        It returns what is wrong with their combination, or None.
        """

        def add(rule: Rule) -> Rule:
            self._rules[name] = rule
            return rule

        return add

    def call(self, choice: Choice, *arguments: object) -> Any:
        """Call the chosen function with `arguments` and the choice's options."""
        return self.get(choice.name)(*arguments, **choice.options)

    def options(self, name: str) -> dict[str, Any]:
        """Return the defaults of every option of the function called `name`."""
        return {p.name: p.default for p in _option_parameters(self.get(name))}

    def _options_model(self, name: str) -> type[SpecModel]:
        fields: dict[str, Any] = {
            p.name: (p.annotation, p.default) for p in _option_parameters(self.get(name))
        }
        # The module is where annotations that are strings are looked up.
        module = self.get(name).__module__
        return create_model(name, __base__=SpecModel, __module__=module, **fields)


@dataclass(frozen=True)
class ChoiceFrom:
    """The pydantic annotation of a field that holds a `Choice` from `registry`."""

    registry: FunctionRegistry

    def __get_pydantic_core_schema__(self, _: object, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.registry.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(Choice.plain),
        )

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        names = list(self.registry.names())
        options = {"type": "object", "properties": {"type": {"enum": names}}, "required": ["type"]}
        return {"anyOf": [{"enum": names}, options]}


def _option_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.default is not inspect.Parameter.empty]

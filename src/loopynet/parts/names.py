"""A field that holds the name of a registered part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from loopynet.errors import SpecError
from loopynet.parts.registry import Registry


@dataclass(frozen=True)
class NameFrom:
    """The pydantic annotation of a `str` field whose values are names in `registry`."""

    registry: Registry[Any]

    def __get_pydantic_core_schema__(self, _: object, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self._known, core_schema.str_schema(strict=True)
        )

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"enum": list(self.registry.names())}

    def _known(self, name: str) -> str:
        try:
            return self.registry.canonical(name)
        except SpecError as error:
            raise PydanticCustomError("unknown_name", "{text}", {"text": str(error)}) from None

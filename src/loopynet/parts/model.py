"""The pydantic base of everything that a spec holds, and the names of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from loopynet.errors import did_you_mean


class SpecModel(BaseModel):
    """Plain, frozen, validated data: unknown keys are errors, nothing in it can execute.

    Types are strict ("0.1" is no number, 1 is not true); a field that is a tuple is annotated with
    `Strict(False)`, since YAML has lists only.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False, strict=True
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        fields = cls.model_fields
        names = {info.alias or name for name, info in fields.items()}
        unknown = [key for key in value if key not in names and key not in fields]
        if unknown:
            raise located_errors({(str(key),): _unknown_key(key, names) for key in unknown})
        return value


def located_errors(texts: Mapping[tuple[str | int, ...], str]) -> ValidationError:
    """Return a ValidationError that says each text at its place in the model."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("spec", "{text}", {"text": text}), loc=place, input=None
        )
        for place, text in texts.items()
    ]
    return ValidationError.from_exception_data("spec", details)


def _unknown_key(key: object, names: set[str]) -> str:
    known = f" Known keys: {', '.join(sorted(names))}." if names else " There are no options here."
    hint = did_you_mean(key, names) or known
    return f'unknown key "{str(key)[:80]}".{hint}'

"""The JSON files of a run folder, checked: they may come from a stranger, or be edited by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from loopynet.errors import RunError

_Number = Annotated[int, Field(ge=0, le=2**60)]


class _Data(BaseModel):
    """Plain data; what is not named here is left as it is."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Maps(_Data):
    positions: _Number
    mean_class_accuracies: list[float] = Field(min_length=1)
    mean_ious: list[float] = Field(min_length=1)
    class_accuracies: list[float | None]
    class_ious: list[float | None]
    class_positions: list[_Number]


class _Part(_Data):
    """Figures of the training, validation or test images."""

    images: _Number
    accuracy: float
    loss: float
    accuracies: list[float] = Field(min_length=1)
    losses: list[float] = Field(min_length=1)
    first_unroll: Annotated[int, Field(ge=1, le=10_000)] = 1
    maps: _Maps | None = None

    @model_validator(mode="after")
    def _as_many(self) -> _Part:
        if len(self.accuracies) != len(self.losses):
            raise PydanticCustomError("lengths", "has not as many losses as accuracies")
        return self


class _Results(_Data):
    interrupted: bool
    epochs: _Number
    kept: str
    stopped_early: bool = False
    peak_bytes: _Number | None = None
    train: _Part | None = None
    validation: _Part | None = None
    test: _Part | None = None

    @model_validator(mode="after")
    def _same_unrolls(self) -> _Results:
        parts = [part for part in (self.validation, self.test) if part is not None]
        if len({len(part.accuracies) for part in parts}) > 1:
            raise PydanticCustomError("unrolls", "has parts of different numbers of unrolls")
        return self


class _Environment(_Data):
    command: list[str] | None = Field(None, min_length=1)


class _DataFile(_Data):
    class_names: list[str] | None = None
    provenance: dict[str, Any] = {}


def check_results(data: object, path: Path) -> dict[str, Any]:
    """Return the data of results.json; raises RunError if it is not what training writes."""
    found = _checked(_Results, data, path)
    if not found["interrupted"] and found.get("test") is None:
        raise RunError(
            f"{path}: has no figures of test images, as runs of a search have none; "
            f"train {path.parent / 'config.yaml'} to have them"
        )
    return found


def check_environment(data: object, path: Path) -> dict[str, Any]:
    """Return the data of environment.json; raises RunError if it is not what training writes."""
    return _checked(_Environment, data, path)


def check_data(data: object, path: Path) -> dict[str, Any]:
    """Return the data of data.json; raises RunError if it is not what training writes."""
    return _checked(_DataFile, data, path)


def _checked(model: type[_Data], data: object, path: Path) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise RunError(f"{path}: is damaged (must be a mapping); copy it again")
    try:
        model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part)[:40] for part in first["loc"])
        raise RunError(f"{path}: is damaged ({key}: {first['msg']}); copy it again") from None
    return data

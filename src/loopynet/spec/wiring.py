"""Loops, skips and the unrolling: how signals travel beside the main stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, field_validator, model_validator
from pydantic_core import PydanticCustomError

from loopynet.parts.choice import Choice
from loopynet.parts.gradients import SolverChoice
from loopynet.parts.merges import merges
from loopynet.parts.model import located_errors
from loopynet.parts.names import NameFrom
from loopynet.parts.shape import Count
from loopynet.spec.base import SpecModel

MergeName = Annotated[str, NameFrom(merges)]
Fit = Literal["error", "resize", "project", "pad"]
Delay = Annotated[int, Field(ge=0, le=10_000)]
Passes = Annotated[int, Field(ge=1, le=10_000)]
_PLAIN = (str, int, float, dict, type(None))
"""What can stand in a file; layers and modules cannot."""


class Skip(SpecModel):
    """A forward edge: the output of a layer (or `input`) into the input of a later layer."""

    from_: str = Field(alias="from", description="the layer whose output is taken, or input")
    to: str = Field(description="the layer whose input it joins")
    through: Annotated[tuple[str, ...], Strict(False)] = Field(
        (), description="layers on the way, with weights of their own"
    )
    merge: MergeName = Field("sum", description="how the signal joins the target's input")
    fit: Fit = Field(
        "error",
        description="if shapes differ: error, resize (bilinear), project (learned 1x1 convolution "
        "to the target's channels, then resize), or pad (every s-th position, then channels of "
        "zeros; no weights)",
    )
    delay: Delay | None = Field(
        None,
        description="unrolls that the signal takes inside the loopy section; null: 0, or 1 in the "
        "parallel schedule",
    )

    @field_validator("through", mode="before")
    @classmethod
    def _through_is_of_names(cls, value: object) -> object:
        every = value if isinstance(value, list | tuple) else (value,)
        if not all(isinstance(name, _PLAIN) for name in every):
            message = 'names layers; say in layers what they are, such as layers={"mix": ...}'
            raise PydanticCustomError("through", message)
        return value


class Loop(Skip):
    """A feedback edge: the output of a layer into the input of an earlier one, an unroll later."""

    from_: str = Field(alias="from", description="the layer whose output is taken")
    delay: Count = Field(1, description="unrolls that the signal takes")
    initial: Literal["absent", "zero", "one"] | None = Field(
        None,
        description="what the merge sees before the first signal: absent (the target's input "
        "passes unchanged; the default), zero or one; concat needs zero (its default) or one",
    )
    damping: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="share d of the new signal in what is carried, d * new + (1 - d) * the signal "
        "before; 1 for the new signal alone",
    )


class Unroll(SpecModel):
    """How often and in which order the loopy section runs."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1, description="the unroll factor k; with 1 the loops are not used"
    )
    sections: Annotated[tuple[Passes, ...], Strict(False)] = Field(
        (),
        description="passes of each loopy section, from the lowest up: each is unrolled to its end "
        "before the next one reads it, and steps is their sum; empty for one section in which all "
        "loops run in the same passes",
    )
    tied: bool = Field(True, description="whether all unrolls share a layer's weights")
    schedule: Literal["sequential", "parallel"] = Field(
        "sequential",
        description="sequential: each pass runs bottom to top, loops carry to the next pass; "
        "parallel: every layer of the loopy section reads its inputs from the step before",
    )
    delays: dict[str, Delay] = Field(
        {},
        description="unrolls that the main stack's edge into a layer of the loopy section takes; "
        "0 for layers that are not named, or 1 in the parallel schedule",
    )
    initial: Literal["absent", "zero"] = Field(
        "absent",
        description="what a forward edge with a delay gives before its first signal: absent (the "
        "layer does not run yet) or zero (it runs on zeros)",
    )
    contract: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        description="the most by which one pass may enlarge a difference of the loops' signals: "
        "weights of the loopy section are scaled down as far as that needs; below 1 it contracts",
    )
    until: Literal["steps", "converged"] = Field(
        "steps", description="run `steps` unrolls, or until each sample's loop signals settle"
    )
    tolerance: Annotated[float, Field(gt=0)] = Field(
        1e-3, description="of converged: largest relative change of a sample's loop signals"
    )
    max_steps: Annotated[int, Field(ge=1, le=10_000)] = Field(
        50, description="of converged: the most unrolls"
    )
    solver: SolverChoice = Field(
        Choice("plain"), description="of converged: how the next loop signals are proposed"
    )

    @model_validator(mode="before")
    @classmethod
    def _steps_are_those_of_the_sections(cls, value: Any) -> Any:
        """Count the unrolls of all sections, unless steps says the number itself."""
        sections = value.get("sections") if isinstance(value, Mapping) else None
        if sections in ([], ()) and isinstance(value, Mapping) and "steps" not in value:
            raise located_errors({("sections",): "is empty; write unroll.steps, too"})
        counts = isinstance(sections, list | tuple) and all(type(n) is int for n in sections)
        return {"steps": sum(sections), **value} if sections and counts else value

    @model_validator(mode="after")
    def _sections_go_with_the_rest(self) -> Unroll:
        total = sum(self.sections)
        if not total or self.steps == 1:  # one step leaves out all loops
            return self
        if self.steps != total:
            text = f"is {self.steps}, and the passes of unroll.sections sum to {total}"
            raise located_errors({("steps",): f"{text}; leave steps out, or change sections"})
        usual: dict[str, Any] = {"schedule": "sequential", "delays": {}, "initial": "absent"}
        usual |= {"contract": None, "until": "steps"}
        wrong = [name for name, default in usual.items() if getattr(self, name) != default]
        text = (
            "does not go with unroll.sections, which run one after another; leave one of them out"
        )
        if wrong:
            raise located_errors({(name,): text for name in wrong})
        return self

    @model_validator(mode="after")
    def _converging_loops_exist(self) -> Unroll:
        if self.until == "converged" and self.steps == 1:
            text = "is 1, with which there are no loops that could converge; write 2 or more"
            raise located_errors({("steps",): text})
        return self

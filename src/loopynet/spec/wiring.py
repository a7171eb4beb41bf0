"""Loops, skips and the unrolling: how signals travel beside the main stack."""

from __future__ import annotations

from typing import Annotated, Literal

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

    @model_validator(mode="after")
    def _converging_loops_exist(self) -> Unroll:
        if self.until == "converged" and self.steps == 1:
            text = "is 1, with which there are no loops that could converge; write 2 or more"
            raise located_errors({("steps",): text})
        return self

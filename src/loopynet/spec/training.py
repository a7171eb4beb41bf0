"""How a network is trained: the loss, the optimizer, the schedule and the run's limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, Strict, model_validator

from loopynet.errors import SpecError
from loopynet.parts.choice import Choice
from loopynet.parts.gradients import Gradient
from loopynet.parts.model import located_errors
from loopynet.parts.names import NameFrom
from loopynet.parts.optimizers import Optimizer, Schedule
from loopynet.parts.shape import Count
from loopynet.parts.unrollings import Unrolling
from loopynet.spec.augmentation import Augmentation
from loopynet.spec.base import SpecModel
from loopynet.spec.recipes import recipes

Weights = Annotated[tuple[Annotated[float, Field(ge=0)], ...], Strict(False)]


Protocol = Literal["standard", "published"]
"""How minibatches are taken from a set of images, in training and in evaluation."""


class Loss(SpecModel):
    """The cross-entropy of the logits, over one or several unrolls."""

    steps: Literal["last", "all"] | Weights = Field(
        "last",
        description="last unroll, mean over all, or one weight for each (normalized to sum to 1)",
    )
    progressive: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0,
        description="share of a second run in the training loss: n unrolls without a gradient, "
        "then m with one, both drawn for each batch",
    )


EVERY_STEP = ("constant", "cosine", "linear", "one_cycle")
"""Schedules that can change the rate at every step."""


class EarlyStopping(SpecModel):
    """Stop when the validation figure has not improved for a while."""

    monitor: Literal["validation_loss", "validation_accuracy"] = Field(
        "validation_loss", description="what must improve"
    )
    patience: Count = Field(5, description="epochs without improvement before stopping")
    min_delta: Annotated[float, Field(ge=0)] = Field(0.0, description="least improvement")


class Speed(SpecModel):
    """What makes training fast; auto chooses by device and length of the run, and says why."""

    layout: Literal["auto", "channels_last", "contiguous"] = Field(
        "auto", description="of convolution weights in memory"
    )
    compile: Literal["auto", "layers", "whole"] | bool = Field(
        "auto",
        description="in long runs if auto; layers (or true): what lies between merges, once for "
        "all unrolls; whole: all unrolls in one piece",
    )
    fused_optimizer: Literal["auto"] | bool = Field(
        "auto", description="whether the optimizer changes all weights at once"
    )
    tf32: Literal["auto"] | bool = Field(
        "auto", description="whether CUDA multiplies float32 numbers in TF32"
    )
    keep_memory: Literal["auto"] | bool = Field(
        "auto", description="whether freed memory stays with the process (Linux, CPU)"
    )


class TrainingSpec(SpecModel):
    """The training protocol; the defaults are the published one."""

    recipe: Annotated[str, NameFrom(recipes)] | None = Field(
        None, description="whose values the keys have that are not written"
    )
    optimizer: Optimizer = Field(Choice("adam"), description="a name, or a mapping with options")
    weights: str | None = Field(
        None,
        description="the run, or trained zoo entry, whose weights training starts from; its layers "
        "must be there under their names, further ones start as they would without",
    )
    freeze: Annotated[tuple[str, ...], Strict(False)] = Field(
        (),
        description="layers that stay as they are: names, main for all of the main stack; their "
        "norms keep their statistics, and they drop nothing out",
    )
    whiten: str | None = Field(
        None,
        description="the main stack's first layer, whose filters then start as the directions in "
        "which patches of training images vary, scaled to equal variance; freeze keeps them",
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(1e-3, description="of the first epoch")
    learning_rate_schedule: Schedule = Field(Choice("constant"), description="over the epochs")
    warmup_epochs: NonNegativeInt = Field(
        0, description="epochs of linear rise to the rate, before the schedule begins"
    )
    schedule_every: Literal["epoch", "step"] = Field(
        "epoch", description="how often the schedule and the warm-up change the rate"
    )
    decay: Literal["all", "weights"] = Field(
        "all",
        description="what the optimizer's weight_decay shrinks: all, or no biases and norms",
    )
    batch_size: Count | Literal["auto"] = Field(
        32,
        description="images per step; auto: the largest power of two that fits, which the run's "
        "config.yaml then has",
    )
    too_large: Literal["refuse", "shrink"] = Field(
        "refuse",
        description="what to do when a batch needs more memory than is free: refuse to train, or "
        "halve the batch until it fits",
    )
    epochs: Annotated[int, Field(ge=1, le=100_000)] = Field(
        24, description="passes over the training images"
    )
    protocol: Protocol = Field(
        "standard",
        description="standard: each image once an epoch, and all of them in an evaluation; "
        "published: the overlapping windows of the 2016 library",
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="of weights, data order, dropout and augmentation"
    )
    gradient: Gradient = Field(
        Choice("full"), description="through which unrolls the gradient goes, and how"
    )
    unrolls: Unrolling = Field(
        Choice("fixed"), description="how many unrolls a training step runs; evaluation runs all"
    )
    gradient_clip_norm: Annotated[float, Field(gt=0)] | None = Field(
        None, description="largest norm of the whole gradient"
    )
    gradient_clip_value: Annotated[float, Field(gt=0)] | None = Field(
        None, description="largest absolute gradient of a weight"
    )
    nonfinite: Literal["stop", "skip"] = Field(
        "stop",
        description="what to do when a loss or gradient is not finite: end the run with the layer "
        "and unroll where it began, or leave the step out (20 in a row end it, too)",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of a label spread over all classes"
    )
    checkpoint_every: Count | None = Field(
        None,
        description="steps between the checkpoints within an epoch, beside the one at its end, for "
        "epochs too long to be run again; the random numbers begin anew at each",
    )
    sync_norm: bool = Field(
        False,
        description="whether batch norm takes its mean over the images of all workers (--devices, "
        "--nodes); each takes its own otherwise",
    )
    average: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None,
        description="weight of the past in a moving average of the weights over steps, which is "
        "validated and kept; off if null",
    )
    early_stopping: EarlyStopping | None = Field(None, description="off if null")
    keep: Literal["last", "best"] = Field(
        "last", description="the epoch whose weights are kept: last, or best on validation"
    )
    augmentation: Annotated[tuple[Augmentation, ...], Strict(False)] = Field(
        (), description="applied to training batches"
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="of the arithmetic; weights stay float32"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where it runs")
    speed: Speed = Field(Speed(), description="what makes it fast")

    @property
    def step_images(self) -> int:
        """The batch size as a number.

        Raises:
            SpecError: it is auto, and no training has found it yet.
        """
        if self.batch_size == "auto":
            raise SpecError(
                "is auto, which only training finds; write a number", ("training", "batch_size")
            )
        return self.batch_size

    @property
    def least_images(self) -> int:
        """The batch size as a number, or 1 if training has yet to find it."""
        return 1 if self.batch_size == "auto" else self.batch_size

    @model_validator(mode="before")
    @classmethod
    def _follow_recipe(cls, value: Any) -> Any:
        """Give each key that is not written the value of the recipe."""
        if not isinstance(value, Mapping) or not isinstance(value.get("recipe"), str):
            return value
        try:
            return {**recipes.get(value["recipe"]).values, **value}
        except SpecError:
            return value  # the field's own check says which recipes there are

    @model_validator(mode="after")
    def _steps_suit_the_schedule(self) -> TrainingSpec:
        name = self.learning_rate_schedule.name
        if self.schedule_every == "step" and name not in EVERY_STEP:
            text = f"{name} counts epochs; write epoch, or one of {', '.join(EVERY_STEP)}"
            raise located_errors({("schedule_every",): text})
        return self

    @model_validator(mode="after")
    def _evolution_is_alone(self) -> TrainingSpec:
        """An evolution strategy sets its own pace, and there is no gradient to clip."""
        if self.optimizer.name != "evolution":
            return self
        usual: dict[str, Any] = {
            "gradient_clip_norm": None,
            "gradient_clip_value": None,
            "warmup_epochs": 0,
        }
        usual |= {"decay": "all"}
        wrong = [key for key, default in usual.items() if getattr(self, key) != default]
        if self.learning_rate_schedule.name != "constant":
            wrong.append("learning_rate_schedule")
        if wrong:
            text = "does not go with the optimizer evolution; leave it out"
            raise located_errors({(key,): text for key in wrong})
        return self

    @model_validator(mode="after")
    def _warmup_leads_somewhere(self) -> TrainingSpec:
        if self.warmup_epochs and self.learning_rate_schedule.name in ("plateau", "one_cycle"):
            name = self.learning_rate_schedule.name
            text = f"cannot come before the {name} schedule; write 0 or another schedule"
            raise located_errors({("warmup_epochs",): text})
        if self.warmup_epochs >= self.epochs:
            text = f"must be less than epochs, which is {self.epochs}"
            raise located_errors({("warmup_epochs",): text})
        return self

"""What every layer type has: the shared options, and the four questions a graph asks of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from loopynet.parts.activations import Activation
from loopynet.parts.choice import Choice
from loopynet.parts.initializers import NEEDS_FAN, Initializer
from loopynet.parts.model import SpecModel
from loopynet.parts.norms import NormSpec
from loopynet.parts.registry import Registry
from loopynet.parts.shape import Shape, ShapeError

if TYPE_CHECKING:
    from torch import nn

GLOROT = Choice("glorot_uniform")
"""The published networks' initializer, with ReLU gain."""


class LayerSpec(SpecModel):
    """One layer: an operation, then normalization, then an activation.

    A layer type derives from this class, is registered by `@layer("name")`, and answers
    `output_shape`, `check`, `parameters`, `multiply_adds` and `build`.
    """

    type: str = ""
    template: str | None = Field(None, description="the template whose options are inherited")
    activation: Activation = Field(Choice("linear"), description="the nonlinearity")
    norm: NormSpec | None = Field(
        None,
        description="replaces the network's norm with all its options; if null, that applies to "
        "every layer with weights but the last",
    )

    weighted: ClassVar[bool] = False
    """Whether the network's norm applies to this type."""

    @field_validator("norm", mode="before")
    @classmethod
    def _norm_by_name(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value

    def output_shape(self, shape: Shape) -> Shape:
        """Return the output's shape for an input's; raises ShapeError if there is none."""
        return shape

    def check(self, shape: Shape) -> None:
        """Raise ShapeError if an input of this shape cannot be processed."""
        self.output_shape(shape)

    def parameters(self, shape: Shape) -> int:
        """Return the number of learned weights and biases for an input's shape."""
        return 0

    def multiply_adds(self, shape: Shape) -> int:
        """Return the multiply-add operations of one sample."""
        return 0

    def stretch(self, shape: Shape) -> float:
        """Return by how much an operation without weights enlarges a difference at most."""
        return 1.0

    def build(self, shape: Shape) -> nn.Module | None:
        """Return the operation as a module, weights initialized; None if it does nothing."""
        return None


class WeightedLayerSpec(LayerSpec):
    """A layer with a weight and a bias."""

    init: Initializer = Field(GLOROT, description="initializer of the weights")
    bias: bool = Field(True, description="whether there is a bias")
    bias_init: Initializer = Field(Choice("zeros"), description="initializer of the bias")
    weights_of: str | None = Field(
        None,
        description="the layer whose weights and bias this one uses instead of its own; its init "
        "and bias_init are then without effect",
    )

    weighted: ClassVar[bool] = True

    def weight_shape(self, shape: Shape) -> Shape | None:
        """Return the shape of the weight for an input's; None for a type that cannot share it."""
        return None

    @field_validator("bias_init")
    @classmethod
    def _bias_init_needs_no_fan(cls, choice: Choice) -> Choice:
        if choice.name in NEEDS_FAN:
            message = "{name} is for weights; write zeros, constant or random_normal"
            raise PydanticCustomError("bias_init", message, {"name": choice.name})
        return choice

    def check(self, shape: Shape) -> None:
        outputs = self.output_shape(shape)[0]
        biases = outputs if self.bias else 0
        counts = {"init": self.parameters(shape) - biases, "bias_init": biases}
        for key, count in counts.items():
            choice = getattr(self, key)
            given = len(choice.options.get("values", ()))
            if choice.name == "values" and count and given != count:
                raise ShapeError(f"has {given} values in {key}, and {count} weights take one each")


layer_types: Registry[type[LayerSpec]] = Registry("layer type", "loopynet.layers")
"""Every layer type, by name; `layer` adds one."""


def layer(name: str) -> Callable[[type[LayerSpec]], type[LayerSpec]]:
    """Register a LayerSpec class as the layer type called `name`."""
    return layer_types.register(name)

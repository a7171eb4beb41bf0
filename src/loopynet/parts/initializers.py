"""Weight initializers, by the names of Keras and PyTorch.

Each function fills a weight tensor in place, drawing from torch's global generator. A dense weight
is [units, inputs], a convolution's [filters, channels, height, width].
Annotations are evaluated here (no `from __future__ import annotations`): they type the options.
"""

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from loopynet.parts.choice import Choice, ChoiceFrom, FunctionRegistry

if TYPE_CHECKING:
    from torch import Tensor

initializers = FunctionRegistry("initializer", "loopynet.initializers")
initializer = initializers.register
"""Decorate a function of a weight, to register it as the initializer of a name."""

Initializer = Annotated[Choice, ChoiceFrom(initializers)]
Amount = Annotated[float, Field(ge=0)]
Gain = Literal["relu", "linear", "tanh", "selu"] | Amount
Fan = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["uniform", "normal", "truncated_normal"]


NEEDS_FAN = frozenset({
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
    "variance_scaling", "orthogonal", "sparse", "identity",
})  # fmt: skip
"""Initializers for weights only: a bias, which has one dimension, gives them nothing to go by."""


def _gain(gain: Gain) -> float:
    named = {"relu": math.sqrt(2.0), "linear": 1.0, "tanh": 5 / 3, "selu": 0.75}
    return named[gain] if isinstance(gain, str) else float(gain)


@initializer("glorot_uniform", "xavier_uniform")
def glorot_uniform(weight: "Tensor", gain: Gain = "relu") -> None:
    """Uniform in +-gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    The default gain is ReLU's sqrt(2), as in the published loopy networks; Keras and PyTorch use 1.
    """
    from torch.nn import init

    init.xavier_uniform_(weight, _gain(gain))


@initializer("glorot_normal", "xavier_normal")
def glorot_normal(weight: "Tensor", gain: Gain = "relu") -> None:
    """Normal with deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    from torch.nn import init

    init.xavier_normal_(weight, _gain(gain))


@initializer("he_uniform", "kaiming_uniform")
def he_uniform(
    weight: "Tensor", gain: Gain = "relu", mode: Literal["fan_in", "fan_out"] = "fan_in"
) -> None:
    """Uniform in +-gain * sqrt(3 / fan) (He et al. 2015)."""
    variance_scaling(weight, _gain(gain) ** 2, mode, "uniform")


@initializer("he_normal", "kaiming_normal")
def he_normal(
    weight: "Tensor", gain: Gain = "relu", mode: Literal["fan_in", "fan_out"] = "fan_in"
) -> None:
    """Normal with deviation gain / sqrt(fan) (He et al. 2015)."""
    variance_scaling(weight, _gain(gain) ** 2, mode, "normal")


@initializer("lecun_uniform")
def lecun_uniform(weight: "Tensor") -> None:
    """Uniform in +-sqrt(3 / fan_in) (LeCun et al. 1998)."""
    variance_scaling(weight, 1.0, "fan_in", "uniform")


@initializer("lecun_normal")
def lecun_normal(weight: "Tensor") -> None:
    """Normal with deviation 1 / sqrt(fan_in) (LeCun et al. 1998)."""
    variance_scaling(weight, 1.0, "fan_in", "normal")


@initializer("variance_scaling")
def variance_scaling(
    weight: "Tensor",
    scale: Annotated[float, Field(gt=0)] = 1.0,
    mode: Fan = "fan_in",
    distribution: Distribution = "truncated_normal",
) -> None:
    """Variance scale / fan; a truncated normal is cut at two deviations, its variance corrected."""
    from torch.nn import init

    fan_in, fan_out = init._calculate_fan_in_and_fan_out(weight)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    deviation = math.sqrt(scale / max(fan, 1.0))
    if distribution == "uniform":
        bound = math.sqrt(3.0) * deviation
        init.uniform_(weight, -bound, bound)
    elif distribution == "normal":
        init.normal_(weight, 0.0, deviation)
    else:
        # A standard normal cut at +-2 has deviation 0.8796; divide it out.
        _truncated(weight, 0.0, deviation / 0.87962566103423978)


def _truncated(weight: "Tensor", mean: float, std: float) -> None:
    from torch.nn import init

    init.trunc_normal_(weight, mean, std, mean - 2 * std, mean + 2 * std)


@initializer("random_normal", "normal")
def random_normal(weight: "Tensor", mean: float = 0.0, std: Amount = 0.05) -> None:
    """Normal with the given mean and deviation."""
    from torch.nn import init

    init.normal_(weight, mean, std)


@initializer("random_uniform", "uniform")
def random_uniform(weight: "Tensor", low: float = -0.05, high: float = 0.05) -> None:
    """Uniform between low and high."""
    from torch.nn import init

    init.uniform_(weight, low, high)


@initializers.rule("random_uniform")
def _uniform_bounds(low: float, high: float) -> str | None:
    return "low must not be above high" if low > high else None


@initializer("truncated_normal", "trunc_normal")
def truncated_normal(
    weight: "Tensor", mean: float = 0.0, std: Annotated[float, Field(gt=0)] = 0.05
) -> None:
    """Normal, cut at two deviations from the mean."""
    _truncated(weight, mean, std)


@initializer("orthogonal")
def orthogonal(weight: "Tensor", gain: Gain = 1.0) -> None:
    """Orthogonal rows or columns, times the gain (Saxe et al. 2014)."""
    from torch.nn import init

    init.orthogonal_(weight, _gain(gain))


@initializer("sparse")
def sparse(
    weight: "Tensor", sparsity: Annotated[float, Field(ge=0, lt=1)] = 0.9, std: Amount = 0.01
) -> None:
    """Normal, with the given share of zeros in each column (Martens 2010)."""
    from torch.nn import init

    init.sparse_(weight.flatten(1), sparsity, std)


@initializer("identity", "dirac", "eye")
def identity(weight: "Tensor") -> None:
    """A layer that passes its input on, as far as its shape allows."""
    from torch.nn import init

    if weight.dim() == 2:
        init.eye_(weight)
    else:
        init.dirac_(weight)


@initializer("constant")
def constant(weight: "Tensor", value: float = 0.0) -> None:
    """One value everywhere."""
    from torch.nn import init

    init.constant_(weight, value)


@initializer("values")
def values(
    weight: "Tensor", values: Annotated[tuple[float, ...], Field(min_length=1)] = ()
) -> None:
    """The numbers themselves, one for each weight, the last axis fastest.

    A dense layer has them by [units, inputs], a convolution by [filters, channels, height, width].
    """
    weight.copy_(weight.new_tensor(values).reshape(weight.shape))


@initializers.rule("values")
def _values_are_given(values: tuple[float, ...]) -> str | None:
    return None if values else "values must have a number for each weight"


@initializer("zeros", "zero")
def zeros(weight: "Tensor") -> None:
    """Zeros."""
    constant(weight, 0.0)


@initializer("ones", "one")
def ones(weight: "Tensor") -> None:
    """Ones."""
    constant(weight, 1.0)

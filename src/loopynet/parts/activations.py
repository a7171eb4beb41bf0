"""Activations (nonlinearities), by the names of PyTorch and Keras.

Each function returns a new `torch.nn.Module`; its keyword parameters are a spec's options.
Annotations are evaluated here (no `from __future__ import annotations`): they type the options.
"""

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from loopynet.parts.choice import Choice, ChoiceFrom, FunctionRegistry

if TYPE_CHECKING:
    from torch import nn

activations = FunctionRegistry("activation", "loopynet.activations")
activation = activations.register
"""Decorate a function that returns a module, to register it as the activation of a name."""

Activation = Annotated[Choice, ChoiceFrom(activations)]

Positive = Annotated[float, Field(gt=0)]
Amount = Annotated[float, Field(ge=0)]

_WITHOUT_OPTIONS = {
    "relu": ("ReLU", "rectify"),
    "relu6": ("ReLU6",),
    "sigmoid": ("Sigmoid",),
    "tanh": ("Tanh",),
    "silu": ("SiLU", "swish"),
    "mish": ("Mish",),
    "selu": ("SELU",),
    "softsign": ("Softsign",),
    "log_sigmoid": ("LogSigmoid",),
    "hard_sigmoid": ("Hardsigmoid",),
    "hard_swish": ("Hardswish", "hard_silu"),
    "tanh_shrink": ("Tanhshrink",),
}


def _nn() -> ModuleType:
    from torch import nn

    return nn


def _plain(torch_name: str) -> "Callable[[], nn.Module]":
    def build() -> "nn.Module":
        return getattr(_nn(), torch_name)()  # type: ignore[no-any-return]

    build.__doc__ = f"PyTorch's {torch_name}."
    return build


for _name, (_torch_name, *_aliases) in _WITHOUT_OPTIONS.items():
    activation(_name, *_aliases)(_plain(_torch_name))


@activation("linear", "identity", "none")
def linear() -> "nn.Module":
    """x itself."""
    return _nn().Identity()  # type: ignore[no-any-return]


@activation("leaky_relu", "leaky_rectify")
def leaky_relu(negative_slope: float = 0.01) -> "nn.Module":
    """max(x, negative_slope * x)."""
    return _nn().LeakyReLU(negative_slope)  # type: ignore[no-any-return]


@activation("prelu", "parametric_relu")
def prelu(init: float = 0.25) -> "nn.Module":
    """Leaky ReLU whose slope is learned, one for the layer."""
    return _nn().PReLU(init=init)  # type: ignore[no-any-return]


@activation("rrelu")
def rrelu(lower: float = 1 / 8, upper: float = 1 / 3) -> "nn.Module":
    """Leaky ReLU whose slope is drawn between the bounds in training, their mean in evaluation."""
    return _nn().RReLU(lower, upper)  # type: ignore[no-any-return]


@activations.rule("rrelu")
def _rrelu_bounds(lower: float, upper: float) -> str | None:
    return "lower must not be above upper" if lower > upper else None


@activation("elu")
def elu(alpha: float = 1.0) -> "nn.Module":
    """x if x > 0, else alpha * (exp(x) - 1)."""
    return _nn().ELU(alpha)  # type: ignore[no-any-return]


@activation("celu")
def celu(alpha: Positive = 1.0) -> "nn.Module":
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    return _nn().CELU(alpha)  # type: ignore[no-any-return]


@activation("gelu")
def gelu(approximate: Literal["none", "tanh"] = "none") -> "nn.Module":
    """x * Phi(x), or its tanh approximation."""
    return _nn().GELU(approximate)  # type: ignore[no-any-return]


@activation("softplus")
def softplus(beta: Positive = 1.0, threshold: float = 20.0) -> "nn.Module":
    """log(1 + exp(beta * x)) / beta, linear above the threshold."""
    return _nn().Softplus(beta, threshold)  # type: ignore[no-any-return]


@activation("hard_tanh", "hardtanh")
def hard_tanh(min_val: float = -1.0, max_val: float = 1.0) -> "nn.Module":
    """x clipped to [min_val, max_val]."""
    return _nn().Hardtanh(min_val, max_val)  # type: ignore[no-any-return]


@activations.rule("hard_tanh")
def _hard_tanh_bounds(min_val: float, max_val: float) -> str | None:
    return "min_val must be below max_val" if min_val >= max_val else None


@activation("hard_shrink")
def hard_shrink(lambd: Amount = 0.5) -> "nn.Module":
    """x where |x| > lambd, else 0."""
    return _nn().Hardshrink(lambd)  # type: ignore[no-any-return]


@activation("soft_shrink")
def soft_shrink(lambd: Amount = 0.5) -> "nn.Module":
    """x moved towards 0 by lambd."""
    return _nn().Softshrink(lambd)  # type: ignore[no-any-return]


@activation("threshold", "thresholded_relu")
def threshold(threshold: float = 1.0, value: float = 0.0) -> "nn.Module":
    """x where x > threshold, else value."""
    return _nn().Threshold(threshold, value)  # type: ignore[no-any-return]


@activation("softmax")
def softmax() -> "nn.Module":
    """Softmax over the channels (dimension 1)."""
    return _nn().Softmax(dim=1)  # type: ignore[no-any-return]


@activation("log_softmax")
def log_softmax() -> "nn.Module":
    """Logarithm of the softmax over the channels (dimension 1)."""
    return _nn().LogSoftmax(dim=1)  # type: ignore[no-any-return]


@activation("atanh", "arctanh", "artanh")
def atanh() -> "nn.Module":
    """The inverse of tanh, of x moved into the open interval from -1 to 1 by one rounding step."""
    from loopynet.modules.activation import Atanh

    return Atanh()


@activation("exponential", "exp")
def exponential() -> "nn.Module":
    """exp(x)."""
    from loopynet.modules.activation import Exponential

    return Exponential()

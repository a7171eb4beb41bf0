"""Each activation against its formula in NumPy."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from loopynet.parts.activations import activations
from loopynet.parts.choice import Choice

X = np.linspace(-4, 8, 60).reshape(4, 5, 3)
erf = np.vectorize(math.erf)


EPS = np.finfo(float).eps


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

FORMULAS = {
    "linear": ({}, lambda x: x),
    "relu": ({}, lambda x: np.maximum(x, 0)),
    "relu6": ({}, lambda x: np.clip(x, 0, 6)),
    "sigmoid": ({}, sigmoid),
    "tanh": ({}, np.tanh),
    "silu": ({}, lambda x: x * sigmoid(x)),
    "mish": ({}, lambda x: x * np.tanh(softplus(x))),
    "selu": ({}, lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * (np.exp(x) - 1))),
    "softsign": ({}, lambda x: x / (1 + np.abs(x))),
    "log_sigmoid": ({}, lambda x: -softplus(-x)),
    "hard_sigmoid": ({}, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    "hard_swish": ({}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "tanh_shrink": ({}, lambda x: x - np.tanh(x)),
    "leaky_relu": ({"negative_slope": 0.2}, lambda x: np.where(x > 0, x, 0.2 * x)),
    "prelu": ({"init": 0.3}, lambda x: np.where(x > 0, x, np.float32(0.3) * x)),
    "rrelu": ({"lower": 0.1, "upper": 0.3}, lambda x: np.where(x > 0, x, 0.2 * x)),
    "elu": ({"alpha": 0.7}, lambda x: np.where(x > 0, x, 0.7 * (np.exp(x) - 1))),
    "celu": (
        {"alpha": 0.7},
        lambda x: np.maximum(x, 0) + np.minimum(0, 0.7 * (np.exp(x / 0.7) - 1)),
    ),
    "gelu": ({}, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    "softplus": ({"beta": 2.0}, lambda x: softplus(2 * x) / 2),
    "hard_tanh": ({"min_val": -2.0, "max_val": 0.5}, lambda x: np.clip(x, -2, 0.5)),
    "hard_shrink": ({"lambd": 1.5}, lambda x: np.where(np.abs(x) > 1.5, x, 0)),
    "soft_shrink": (
        {"lambd": 1.5},
        lambda x: np.sign(x) * np.maximum(np.abs(x) - 1.5, 0),
    ),
    "threshold": ({"threshold": 0.5, "value": -1.0}, lambda x: np.where(x > 0.5, x, -1)),
    "softmax": ({}, softmax),
    "log_softmax": ({}, lambda x: np.log(softmax(x))),
    "exponential": ({}, np.exp),
    "atanh": ({}, lambda x: np.arctanh(np.clip(x, -1 + EPS, 1 - EPS))),
}
DEFAULTS = {
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "rrelu": lambda x: np.where(x > 0, x, (1 / 8 + 1 / 3) / 2 * x),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "celu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "softplus": softplus,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "threshold": lambda x: np.where(x > 1, x, 0),
}


def applied(choice: Choice) -> np.ndarray:
    module = activations.call(choice).double().eval()
    return module(torch.from_numpy(X)).detach().numpy()


@pytest.mark.parametrize("name", activations.names())
def test_formula(name):
    """A new activation needs its formula here."""
    options, formula = FORMULAS[name]
    given = activations.parse({"type": name, **options})
    assert np.allclose(applied(given), formula(X), atol=1e-12)
    if options:
        assert np.allclose(applied(activations.parse(name)), DEFAULTS[name](X), atol=1e-12)
        assert not np.allclose(applied(given), DEFAULTS[name](X))


def test_the_tanh_approximation_of_gelu():
    inner = math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)
    choice = activations.parse({"type": "gelu", "approximate": "tanh"})
    assert np.allclose(applied(choice), X * (1 + np.tanh(inner)) / 2, atol=1e-12)


def test_rrelu_draws_slopes_in_training():
    torch.manual_seed(0)
    x = -torch.ones(1000)
    y = activations.call(activations.parse({"type": "rrelu", "lower": 0.1, "upper": 0.3}))(x)
    assert -0.3 <= y.min() < -0.29
    assert -0.11 < y.max() <= -0.1


def test_prelu_learns_its_slope():
    module = activations.call(activations.parse("prelu"))
    assert [p.tolist() for p in module.parameters()] == [[0.25]]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("ReLU", "relu"),
        ("rectify", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("leaky-rectify", "leaky_relu"),
        ("swish", "silu"),
        ("none", "linear"),
        ("Identity", "linear"),
        ("hardtanh", "hard_tanh"),
        ("hard_silu", "hard_swish"),
        ("thresholded_relu", "threshold"),
        ("exp", "exponential"),
        ("LogSoftmax", "log_softmax"),
    ],
)
def test_names_of_other_libraries(alias, name):
    assert activations.parse(alias) == Choice(name)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "relu", "slope": 1},
        {"type": "leaky_relu", "negative_slope": "steep"},
        {"type": "leaky_relu", "negative_slope": math.inf},
        {"type": "elu", "alpha": None},
        {"type": "gelu", "approximate": "exactly"},
    ],
)
def test_options_are_validated(value):
    with pytest.raises(ValidationError):
        activations.parse(value)


@pytest.mark.parametrize("value", [None, 3, [], ["relu"], {}, {"type": 3}, {"name": "relu"}, True])
def test_values_that_name_nothing(value):
    with pytest.raises(PydanticCustomError, match="write a name"):
        activations.parse(value)


@pytest.mark.parametrize("name", activations.names())
def test_softmax_is_over_channels_and_all_keep_the_shape(name):
    module = activations.call(Choice(name))
    for shape in ((2, 4), (2, 4, 3, 3)):
        assert module(torch.randn(shape)).shape == shape

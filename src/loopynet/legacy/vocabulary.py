"""The words of the old library and of its two frameworks, and ours for them."""

from __future__ import annotations

from typing import Any

TYPES = {
    "input": "input",
    "conv2d": "conv2d",
    "conv": "conv2d",
    "convolution2d": "conv2d",
    "dense": "dense",
    "fully_connected": "dense",
    "pool2d": "pool2d",
    "maxpooling2d": "pool2d",
    "dropout": "dropout",
    "identity": "identity",
}

_WEIGHTED = {
    "nonlinearity": "activation",
    "activation": "activation",
    "W": "init",
    "init": "init",
    "weight_init": "init",
    "b": "bias",
    "bias": "bias",
}
_WINDOW = {"pad": "padding", "border_mode": "padding", "stride": "stride"}

# For each type of layer: the names of an option in the old files -> its name here.
OPTIONS: dict[str, dict[str, str]] = {
    "input": {"output_dim": "shape", "dim": "shape"},
    "conv2d": {
        "num_filters": "filters",
        "nb_filter": "filters",
        "dim": "filters",
        "filter_size": "size",
        "width": "size",
        "subsample": "stride",
        **_WINDOW,
        **_WEIGHTED,
    },
    "dense": {"output_dim": "units", "num_units": "units", "dim": "units", **_WEIGHTED},
    "pool2d": {
        "pool_size": "size",
        "strides": "stride",
        "mode": "mode",
        "ignore_border": "ignore_border",
        **_WINDOW,
    },
    "dropout": {"p": "rate"},
    "identity": {},
}

# An option without which a layer cannot be built, and its name in the old files.
REQUIRED = {
    "input": {"shape": "output_dim"},
    "conv2d": {"filters": "num_filters", "size": "filter_size"},
    "dense": {"units": "output_dim"},
    "pool2d": {"size": "pool_size"},
}

ACTIVATIONS = {
    "linear": "linear",
    "identity": "linear",
    "relu": "relu",
    "rectify": "relu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "elu": "elu",
    "leaky_relu": "leaky_relu",
    "leaky_rectify": "leaky_relu",
    "softplus": "softplus",
}

_INITS: dict[str, Any] = {
    "glorot_uniform": "glorot_uniform",
    "glorot_normal": "glorot_normal",
    "he_uniform": "he_uniform",
    "he_normal": "he_normal",
    "lecun_uniform": "lecun_uniform",
    "orthogonal": "orthogonal",
    "zero": "zeros",
    "zeros": "zeros",
    "constant": "zeros",
}

# The same word drew other numbers in the two frameworks. Our glorot_* have the gain of ReLU, as the
# library's Lasagne code had; Keras' have gain 1, its orthogonal 1.1.
INITS: dict[str, dict[str, Any]] = {
    "lasagne": {
        **_INITS,
        "normal": {"type": "random_normal", "std": 0.01},
        "uniform": {"type": "random_uniform", "low": -0.01, "high": 0.01},
    },
    "keras": {
        **_INITS,
        "glorot_uniform": {"type": "glorot_uniform", "gain": "linear"},
        "glorot_normal": {"type": "glorot_normal", "gain": "linear"},
        "orthogonal": {"type": "orthogonal", "gain": 1.1},
        "normal": {"type": "random_normal", "std": 0.05},
        "uniform": {"type": "random_uniform", "low": -0.05, "high": 0.05},
    },
}

POOL_MODES = {"max": "max", "average_inc_pad": "mean", "average_exc_pad": "mean"}
MERGES = {"sum": "sum", "mul": "mul"}

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loopynet.errors import SpecError
from loopynet.legacy import import_legacy

Chain = Callable[..., str]
CONV = {"type": "conv2d", "num_filters": 4, "filter_size": 3}
DENSE = {"type": "dense", "output_dim": 4}
POOL = {"type": "pool2d", "pool_size": 2}
GAIN_1 = {"type": "glorot_uniform", "gain": "linear"}


def imported(chain: Chain, layer: dict[str, Any], framework: str = "lasagne") -> dict[str, Any]:
    text = chain(framework, d=layer, last={"type": "dense", "output_dim": 2})
    result: dict[str, Any] = import_legacy(text).spec["layers"]["d"]
    return result


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (
            CONV,
            {"type": "conv2d", "filters": 4, "size": 3, "stride": 1, "padding": 0}
            | {"activation": "relu", "init": GAIN_1},
        ),
        (DENSE, {"type": "dense", "units": 4, "activation": "relu", "init": GAIN_1}),
        (POOL, {"type": "pool2d", "mode": "max", "size": 2, "stride": 2, "padding": 0}),
        ({"type": "dropout"}, {"type": "dropout", "rate": 0.5}),
        ({"type": "dropout", "p": 0.3}, {"type": "dropout", "rate": 0.3}),
        ({"type": "identity"}, {"type": "identity"}),
    ],
)
def test_defaults_of_lasagne_are_written_out(
    chain: Chain, layer: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert imported(chain, layer) == expected
    assert list(imported(chain, layer)) == list(expected)


def test_defaults_of_keras_are_written_out(chain: Chain) -> None:
    expected = {"type": "dense", "units": 4, "activation": "linear", "init": GAIN_1}
    assert imported(chain, DENSE, "keras") == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"filter_size": (3, 5)}, {"size": [3, 5]}),
        ({"filter_size": None, "width": 7}, {"size": 7}),
        ({"filter_size": None, "nb_row": 3, "nb_col": 5}, {"size": [3, 5]}),
        ({"num_filters": None, "nb_filter": 9}, {"filters": 9}),
        ({"num_filters": None, "dim": 9}, {"filters": 9}),
        ({"type": "conv"}, {"type": "conv2d"}),
        ({"type": "convolution2d"}, {"type": "conv2d"}),
        ({"stride": (2, 1)}, {"stride": [2, 1]}),
        ({"subsample": (2, 1)}, {"stride": [2, 1]}),
        ({"pad": 2}, {"padding": 2}),
        ({"pad": (1, 2)}, {"padding": [1, 2]}),
        ({"pad": "valid"}, {"padding": "valid"}),
        ({"pad": "same"}, {"padding": "same"}),
        ({"border_mode": "same"}, {"padding": "same"}),
        ({"pad": "same", "stride": 2}, {"padding": 1, "stride": 2}),
        (
            {"pad": "same", "stride": 2, "filter_size": [5, 1]},
            {"size": [5, 1], "stride": 2, "padding": [2, 0]},
        ),
        ({"activation": "tanh"}, {"activation": "tanh"}),
        ({"nonlinearity": "rectify"}, {"activation": "relu"}),
        ({"nonlinearity": "leaky_rectify"}, {"activation": "leaky_relu"}),
        ({"nonlinearity": "identity"}, {"activation": "linear"}),
        ({"nonlinearity": "softmax"}, {"activation": "softmax"}),
        ({"nonlinearity": None}, {"activation": "linear"}),
        ({"W": "glorot_uniform"}, {"init": "glorot_uniform"}),
        ({"init": "he_normal"}, {"init": "he_normal"}),
        ({"weight_init": "orthogonal"}, {"init": "orthogonal"}),
        ({"W": "normal"}, {"init": {"type": "random_normal", "std": 0.01}}),
        ({"W": "uniform"}, {"init": {"type": "random_uniform", "low": -0.01, "high": 0.01}}),
        ({"W": "zero"}, {"init": "zeros"}),
        ({"W": "constant"}, {"init": "zeros"}),
        ({"W": "lecun_uniform"}, {"init": "lecun_uniform"}),
        ({"b": None}, {"bias": False}),
        ({"b": "zero"}, {}),
        ({"b": 0.0}, {}),
        ({"bias": True}, {}),
        ({"bias": False}, {"bias": False}),
    ],
)
def test_words_of_convolutions(
    chain: Chain, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    base = {"type": "conv2d", "filters": 4, "size": 3, "stride": 1, "padding": 0}
    base |= {"activation": "relu", "init": GAIN_1}
    assert imported(chain, {**CONV, **given}) == {**base, **expected}


@pytest.mark.parametrize(
    ("given", "init"),
    [
        ("glorot_uniform", GAIN_1),
        ("orthogonal", {"type": "orthogonal", "gain": 1.1}),
        ("normal", {"type": "random_normal", "std": 0.05}),
        ("he_uniform", "he_uniform"),
    ],
)
def test_initializers_of_keras_keep_its_numbers(chain: Chain, given: str, init: object) -> None:
    assert imported(chain, {**DENSE, "init": given}, "keras")["init"] == init


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"pool_size": (2, 3)}, {"size": [2, 3], "stride": [2, 3]}),
        ({"pool_size": 3, "stride": 2, "pad": 1}, {"size": 3, "stride": 2, "padding": 1}),
        ({"strides": 1, "type": "maxpooling2d", "border_mode": "valid"}, {"stride": 1}),
        ({"mode": "max"}, {}),
        ({"mode": "average_inc_pad"}, {"mode": "mean"}),
        ({"mode": "average_exc_pad", "pad": 1}, {"mode": "mean", "padding": 1}),
        ({"ignore_border": True}, {}),
    ],
)
def test_words_of_pooling(chain: Chain, given: dict[str, Any], expected: dict[str, Any]) -> None:
    layer = imported(chain, {**POOL, **given})
    assert {key: layer[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({**CONV, "num_filters": None}, 'layers.d: "num_filters" is missing'),
        ({**CONV, "filter_size": None}, 'layers.d: "filter_size" is missing'),
        ({"type": "dense"}, 'layers.d: "output_dim" is missing'),
        ({"type": "pool2d"}, 'layers.d: "pool_size" is missing'),
        ({**CONV, "num_filters": 0}, 'layers.d.num_filters: "0" cannot be read here; write a who'),
        ({**CONV, "num_filters": True}, '"True" cannot be read here'),
        ({**CONV, "num_filters": 3.0}, '"3.0" cannot be read here'),
        ({**CONV, "num_filters": "3"}, '"3" cannot be read here'),
        ({**CONV, "num_filters": [3]}, "a list cannot be read here"),
        ({**CONV, "num_filters": {}}, "a dictionary cannot be read here"),
        ({**CONV, "filter_size": (3,)}, "layers.d.filter_size: write one number or two"),
        ({**CONV, "filter_size": (3, 0)}, 'layers.d.filter_size.1: "0" cannot be read here'),
        ({**CONV, "stride": 0}, "layers.d.stride"),
        ({**CONV, "pad": -1}, 'layers.d.pad: "-1" cannot be read here'),
        ({**CONV, "pad": "full"}, 'layers.d.pad: "full" cannot be represented'),
        ({**CONV, "pad": "same", "filter_size": 4}, '"same" is ambiguous for an even filter_size'),
        ({**CONV, "nonlinearity": "hard"}, 'layers.d.nonlinearity: no nonlinearity "hard"'),
        ({**CONV, "nonlinearity": "reluu"}, 'Did you mean "relu"?'),
        ({**CONV, "nonlinearity": 1}, "write the name of a nonlinearity in quotes"),
        ({**CONV, "W": "Xavier_by_2"}, 'layers.d.W: no initialization "Xavier_by_2"'),
        ({**CONV, "W": 0.1}, "write the name of an initialization in quotes"),
        ({**CONV, "b": 0.5}, "only a bias that starts at zero is known"),
        ({**CONV, "b": "normal"}, "only a bias that starts at zero is known"),
        ({**POOL, "pad": "same"}, '"same" cannot be represented'),
        ({**POOL, "mode": "sum"}, 'layers.d.mode: no pooling mode "sum"'),
        ({**POOL, "mode": "average_inc_pad", "pad": 1}, "the mean here leaves padding out"),
        ({**POOL, "ignore_border": False}, "only True can be represented"),
        ({"type": "dropout", "p": 1}, "layers.d.p: no share of zeros"),
        ({"type": "dropout", "p": True}, "no share of zeros"),
        ({"type": "dropout", "p": "0.5"}, "no share of zeros"),
    ],
)
def test_what_cannot_be_represented_is_refused(
    chain: Chain, layer: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError) as error:
        imported(chain, layer)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("given", "shape"),
    [("5", [5]), ("(5,)", [5]), ("[1, 28, 28]", [1, 28, 28]), ("(3, 4, 5)", [3, 4, 5])],
)
def test_shapes_of_the_input(chain: Chain, given: str, shape: list[int]) -> None:
    text = chain(d=DENSE).replace("(3, 32, 32)", given)
    assert import_legacy(text).spec["input"] == {"shape": shape}
    assert import_legacy(text.replace("output_dim", "dim", 1)).spec["input"] == {"shape": shape}


@pytest.mark.parametrize("given", ["(3, 4)", "()", "None", "0", "'5'", "(1, 2, '3')", "{}"])
def test_what_is_no_shape_is_refused(chain: Chain, given: str) -> None:
    with pytest.raises(SpecError, match=r"layers\.input"):
        import_legacy(chain(d=DENSE).replace("(3, 32, 32)", given))

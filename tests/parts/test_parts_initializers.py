"""Each initializer: bounds, means and variances of large tensors against the formulas."""

import math

import pytest
import torch
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from loopynet.parts.choice import Choice
from loopynet.parts.initializers import initializers

DENSE = (400, 600)  # [units, inputs]: fan_in 600, fan_out 400
CONV = (80, 60, 5, 4)  # [filters, channels, height, width]: fan_in 1200, fan_out 1600
FANS = {DENSE: (600, 400), CONV: (1200, 1600)}
RELU = math.sqrt(2)


def filled(value: object, shape: tuple[int, ...]) -> torch.Tensor:
    torch.manual_seed(0)
    weight = torch.full(shape, 77.0, dtype=torch.float64)
    initializers.call(initializers.parse(value), weight)
    assert weight.shape == shape
    return weight


def check_uniform(weight: torch.Tensor, low: float, high: float) -> None:
    wide = high - low
    assert low <= weight.min() < low + 0.001 * wide
    assert high - 0.001 * wide < weight.max() <= high
    assert weight.mean().item() == pytest.approx((low + high) / 2, abs=0.005 * wide)
    assert weight.var().item() == pytest.approx(wide**2 / 12, rel=0.02)


def check_normal(weight: torch.Tensor, mean: float, std: float) -> None:
    assert weight.mean().item() == pytest.approx(mean, abs=0.02 * std)
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    assert (weight - mean).abs().max() > 3.5 * std
    share = ((weight - mean).abs() < std).double().mean().item()
    assert share == pytest.approx(0.6827, abs=0.01)


def check_truncated(weight: torch.Tensor, mean: float, cut_std: float, std: float) -> None:
    """A normal of deviation `cut_std`, cut at two of them, has deviation `std`."""
    assert (weight - mean).abs().max() <= 2 * cut_std * (1 + 1e-9)
    assert (weight - mean).abs().max() > 1.98 * cut_std
    assert weight.mean().item() == pytest.approx(mean, abs=0.02 * std)
    assert weight.std().item() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("shape", [DENSE, CONV])
class TestScaledByFans:
    @pytest.mark.parametrize(
        ("gain", "factor"),
        [(None, RELU), ("relu", RELU), ("linear", 1), ("tanh", 5 / 3), ("selu", 0.75), (3, 3)],
    )
    def test_glorot(self, shape, gain, factor):
        options = {} if gain is None else {"gain": gain}
        fan_in, fan_out = FANS[shape]
        bound = factor * math.sqrt(6 / (fan_in + fan_out))
        check_uniform(filled({"type": "glorot_uniform", **options}, shape), -bound, bound)
        std = factor * math.sqrt(2 / (fan_in + fan_out))
        check_normal(filled({"type": "glorot_normal", **options}, shape), 0, std)

    @pytest.mark.parametrize("mode", [None, "fan_in", "fan_out"])
    def test_he(self, shape, mode):
        options = {} if mode is None else {"mode": mode}
        fan = FANS[shape][mode == "fan_out"]
        bound = RELU * math.sqrt(3 / fan)
        check_uniform(filled({"type": "he_uniform", **options}, shape), -bound, bound)
        check_normal(filled({"type": "he_normal", **options}, shape), 0, RELU / math.sqrt(fan))
        half = filled({"type": "he_normal", "gain": "linear", **options}, shape)
        check_normal(half, 0, 1 / math.sqrt(fan))

    def test_lecun(self, shape):
        fan = FANS[shape][0]
        check_uniform(filled("lecun_uniform", shape), -math.sqrt(3 / fan), math.sqrt(3 / fan))
        check_normal(filled("lecun_normal", shape), 0, 1 / math.sqrt(fan))

    @pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
    @pytest.mark.parametrize("scale", [1, 2.5])
    def test_variance_scaling(self, shape, mode, scale):
        fan_in, fan_out = FANS[shape]
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
        std = math.sqrt(scale / fan)
        chosen = {"type": "variance_scaling", "mode": mode, "scale": scale}
        bound = math.sqrt(3) * std
        check_uniform(filled({**chosen, "distribution": "uniform"}, shape), -bound, bound)
        check_normal(filled({**chosen, "distribution": "normal"}, shape), 0, std)
        # Cutting a normal at two deviations leaves 0.87963 of its deviation.
        check_truncated(filled(chosen, shape), 0, std / 0.87963, std)

    def test_random(self, shape):
        check_normal(filled("random_normal", shape), 0, 0.05)
        check_normal(filled({"type": "normal", "mean": 1, "std": 2}, shape), 1, 2)
        check_uniform(filled("random_uniform", shape), -0.05, 0.05)
        check_uniform(filled({"type": "uniform", "low": 1, "high": 3}, shape), 1, 3)
        check_truncated(filled("truncated_normal", shape), 0, 0.05, 0.05 * 0.87963)
        shifted = filled({"type": "trunc_normal", "mean": 3, "std": 2}, shape)
        check_truncated(shifted, 3, 2, 2 * 0.87963)

    def test_constants(self, shape):
        assert filled("zeros", shape).unique().tolist() == [0]
        assert filled("ones", shape).unique().tolist() == [1]
        assert filled("constant", shape).unique().tolist() == [0]
        assert filled({"type": "constant", "value": 0.3}, shape).unique().tolist() == [0.3]


def test_identity():
    assert torch.equal(filled("identity", (3, 5)), torch.eye(3, 5, dtype=torch.float64))
    kernel = filled("dirac", (4, 3, 3, 3))
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    y = torch.nn.functional.conv2d(x, kernel, padding=1)
    assert torch.equal(y[:, :3], x)
    assert y[:, 3].abs().max() == 0


@pytest.mark.parametrize("gain", [1.0, "relu"])
def test_orthogonal(gain):
    square = 2.0 if gain == "relu" else 1.0
    for shape in ((20, 30), (30, 20), (16, 3, 5, 4)):
        flat = filled({"type": "orthogonal", "gain": gain}, shape).flatten(1)
        small = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
        assert torch.allclose(small, square * torch.eye(len(small), dtype=torch.float64), atol=1e-9)


def test_values_are_given_one_by_one():
    weight = filled({"type": "values", "values": [1, 2.5, 3, 4, 5, 6]}, (2, 3))
    assert weight.tolist() == [[1, 2.5, 3], [4, 5, 6]]
    assert filled({"type": "values", "values": list(range(8))}, (2, 1, 2, 2))[1, 0, 1, 0] == 6


@pytest.mark.parametrize("values", [[], "1", [[1], [2]], ["one"], [float("nan")]])
def test_values_are_numbers(values):
    with pytest.raises((ValidationError, PydanticCustomError)):
        initializers.parse({"type": "values", "values": values})
    with pytest.raises(PydanticCustomError, match="a number for each weight"):
        initializers.parse("values")


def test_sparse():
    weight = filled({"type": "sparse", "sparsity": 0.7, "std": 2.0}, (200, 50))
    assert ((weight == 0).sum(0) == 140).all()
    assert weight[weight != 0].std().item() == pytest.approx(2, rel=0.05)


def test_every_initializer_is_tested_and_draws_from_the_seed():
    """A new initializer needs a test of its formula; and none keeps what was there."""
    tested = {
        "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "variance_scaling", "random_normal", "random_uniform", "truncated_normal",
        "orthogonal", "sparse", "identity", "constant", "zeros", "ones",
    }  # fmt: skip
    assert set(initializers.names()) == tested | {"values"}
    for name in tested:
        first, second = filled(name, (40, 50)), filled(name, (40, 50))
        assert torch.equal(first, second)
        assert (first != 77).all()
        fills_by_rule = {"identity", "constant", "zeros", "ones"}
        other = torch.empty(40, 50, dtype=torch.float64)
        initializers.call(Choice(name), other)  # goes on from the seed
        assert torch.equal(first, other) == (name in fills_by_rule)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("GlorotUniform", "glorot_uniform"),
        ("xavier_uniform", "glorot_uniform"),
        ("xavier_normal", "glorot_normal"),
        ("kaiming_uniform", "he_uniform"),
        ("kaiming-normal", "he_normal"),
        ("eye", "identity"),
        ("zero", "zeros"),
        ("one", "ones"),
    ],
)
def test_names_of_other_libraries(alias, name):
    assert initializers.parse(alias) == Choice(name)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "glorot_uniform", "gain": "huge"},
        {"type": "variance_scaling", "scale": 0},
        {"type": "variance_scaling", "mode": "fan"},
        {"type": "he_normal", "mode": "fan_avg"},
        {"type": "sparse", "sparsity": 1},
        {"type": "zeros", "value": 1},
        {"type": "glorot_uniform", "weight": 1},
    ],
)
def test_options_are_validated(value):
    with pytest.raises(ValidationError):
        initializers.parse(value)

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from loopynet.data import Preprocessing
from loopynet.errors import DataError
from loopynet.spec.data import DataSpec

AXES = {"channel": (0, 2, 3), "pixel": (0,)}


@pytest.fixture
def pixels():
    # more images than are summed at once
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2500, 3, 4, 5), dtype=torch.uint8, generator=generator)


def expected(pixels, spec):
    values = pixels.numpy().astype(np.float64) * (1 / 255 if spec.scale == "unit" else 1)
    mean, std = 0.0, 1.0
    if spec.center != "none":
        mean = values.mean(AXES[spec.center], keepdims=True)
    if spec.standardize != "none":
        std = values.std(AXES[spec.standardize], keepdims=True)
    return (values - mean) / std


@pytest.mark.parametrize("scale", ["unit", "byte"])
@pytest.mark.parametrize("center", ["none", "channel", "pixel"])
@pytest.mark.parametrize("standardize", ["none", "channel", "pixel"])
def test_equals_numpy_in_float64(pixels, scale, center, standardize):
    spec = DataSpec(scale=scale, center=center, standardize=standardize)
    fitted = Preprocessing.fit(pixels, spec)
    got = fitted(pixels)
    assert got.dtype == torch.float32
    want = expected(pixels, spec)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-6 * np.abs(want).max())


def test_shapes_of_the_statistics(pixels):
    spec = DataSpec(center="pixel", standardize="channel")
    fitted = Preprocessing.fit(pixels, spec)
    assert fitted.mean.shape == (1, 3, 4, 5)
    assert fitted.std.shape == (1, 3, 1, 1)
    bare = Preprocessing.fit(pixels, DataSpec(center="none"))
    assert bare.mean.tolist() == [[[[0.0]]]]
    assert bare.std.tolist() == [[[[1.0]]]]


def test_a_constant_pixel_is_not_blown_up():
    pixels = torch.full((10, 1, 2, 2), 7, dtype=torch.uint8)
    fitted = Preprocessing.fit(pixels, DataSpec(standardize="pixel"))
    assert fitted(pixels).abs().max() < 1e-5
    assert torch.allclose(fitted(pixels + 1), torch.ones(()), atol=1e-4)


def test_survives_safetensors(pixels, tmp_path):
    fitted = Preprocessing.fit(pixels, DataSpec(standardize="pixel"))
    save_file(fitted.to_tensors(), tmp_path / "p.safetensors")
    again = Preprocessing.from_tensors(load_file(tmp_path / "p.safetensors"))
    assert torch.equal(again(pixels), fitted(pixels))
    assert again.scale == 1 / 255


def test_a_missing_tensor_is_named():
    with pytest.raises(DataError, match="std"):
        Preprocessing.from_tensors({"scale": torch.ones(()), "mean": torch.ones(())})


def test_no_images():
    with pytest.raises(DataError, match="training images"):
        Preprocessing.fit(torch.zeros(0, 1, 2, 2, dtype=torch.uint8), DataSpec())

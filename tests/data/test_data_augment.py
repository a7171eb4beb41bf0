import sys

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from loopynet.data import build_augmentation
from loopynet.errors import DataError
from loopynet.spec.augmentation import Affine, Augmentation, ColorJitter, Crop, Erase, Flip, Rotate

READ = TypeAdapter(Augmentation)
EVERY = [
    Flip(),
    Flip(horizontal=False),
    Crop(),
    Crop(padding=2, padding_mode="reflect"),
    Rotate(),
    ColorJitter(),
    Erase(),
    Affine(),
]


@pytest.fixture
def unit():
    return torch.rand(16, 3, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("spec", EVERY, ids=lambda spec: spec.type)
@pytest.mark.parametrize("channels", [1, 3])
def test_changes_pixels_but_neither_shape_nor_range(spec, channels, unit):
    pytest.importorskip("kornia")
    augment = build_augmentation([spec])
    unit = unit[:, :channels]
    torch.manual_seed(0)
    got = augment(unit)
    assert got.shape == unit.shape
    assert got.dtype == torch.float32
    assert not torch.equal(got, unit)
    assert 0 <= got.min() <= got.max() <= 1
    torch.manual_seed(0)
    assert torch.equal(augment(unit), got)
    assert not torch.equal(augment(unit), got)


def test_a_flip_mirrors_and_comes_in_the_order_given(unit):
    pytest.importorskip("kornia")
    sure = build_augmentation([Flip(probability=1.0)])
    assert torch.equal(sure(unit), unit.flip(3))
    upside = build_augmentation([Flip(probability=1.0, horizontal=False)])
    assert torch.equal(upside(unit), unit.flip(2))
    both = build_augmentation([Erase(probability=0.0), Flip(probability=1.0)])
    assert torch.equal(both(unit), unit.flip(3))


def test_a_crop_is_a_shifted_window(unit):
    pytest.importorskip("kornia")
    got = build_augmentation([Crop(padding=1)])(unit)[0]
    padded = torch.nn.functional.pad(unit[0], (1, 1, 1, 1))
    windows = [padded[:, y : y + 12, x : x + 10] for y in range(3) for x in range(3)]
    assert any(torch.allclose(got, window, atol=1e-5) for window in windows)


def test_gray_images_have_no_hue(unit):
    pytest.importorskip("kornia")
    with pytest.raises(DataError, match="1 channels"):
        build_augmentation([ColorJitter(hue=0.1)])(unit[:, :1])
    assert build_augmentation([ColorJitter(hue=0.1, saturation=0.1)])(unit).shape == unit.shape


def test_no_augmentation():
    assert build_augmentation([]) is None


def test_missing_kornia(monkeypatch):
    monkeypatch.setitem(sys.modules, "kornia.augmentation", None)
    with pytest.raises(DataError, match=r'pip install "loopynet\[augment\]"'):
        build_augmentation([Flip()])


def test_the_type_names_the_model():
    assert READ.validate_python({"type": "crop", "padding": 2}) == Crop(padding=2)
    for spec in EVERY:
        assert READ.validate_python(spec.model_dump()) == spec
    with pytest.raises(ValidationError):
        READ.validate_python({"type": "blur"})
    with pytest.raises(ValidationError):
        READ.validate_python({"type": "flip", "probability": 1.5})


def test_white_stays_in_range():
    pytest.importorskip("kornia")
    torch.manual_seed(0)
    got = build_augmentation([Rotate()])(torch.ones(200, 1, 32, 32))
    assert got.max() == 1.0

import numpy as np
import pytest
import torch
from PIL import Image as PIL
from tiny_data import noise

from loopynet.data import read_image
from loopynet.data.decode import decode_image, fit_image, frame_for
from loopynet.errors import DataError

GRAY, COLOR = frame_for((1, 8, 8)), frame_for((3, 8, 8))


def test_reads_pixels_exactly(tmp_path):
    image = noise(0, mode="RGB")
    image.save(tmp_path / "a.png")
    got = read_image(tmp_path / "a.png", (3, 8, 8))
    assert got.dtype == torch.uint8
    assert np.array_equal(got.numpy(), np.asarray(image).transpose(2, 0, 1))


def test_converts_and_resizes(tmp_path):
    noise(0, 30, 20, mode="RGBA").save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", (1, 8, 12)).shape == (1, 8, 12)
    noise(0, 30, 20).save(tmp_path / "b.png")
    assert read_image(str(tmp_path / "b.png"), (3, 5, 5)).shape == (3, 5, 5)


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_gray_modes_fit_one_channel(mode):
    image = noise(1).convert(mode)
    want = np.asarray(image.convert("L"))
    assert np.array_equal(fit_image(image, GRAY, "x")[0], want)
    assert np.array_equal(fit_image(image, COLOR, "x"), np.stack([want] * 3))


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    wide = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    PIL.fromarray(wide).save(tmp_path / "wide.png")
    got = read_image(tmp_path / "wide.png", (1, 8, 8))
    assert np.array_equal(got[0].numpy(), wide // 256)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_color_modes_fit_three_channels_only(mode):
    image = noise(2, mode="RGB").convert(mode)
    want = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(fit_image(image, COLOR, "x"), want)
    with pytest.raises(DataError, match=r"x is a color image.*3 input channels"):
        fit_image(image, GRAY, "x")


def test_other_modes_and_channels():
    with pytest.raises(DataError, match="mode F"):
        fit_image(noise(0).convert("F"), GRAY, "x")
    with pytest.raises(DataError, match="1 or 3 channels"):
        fit_image(noise(0), frame_for((2, 8, 8)), "x")


def test_wrong_size_names_both_shapes_and_the_remedy():
    message = r"x has shape \[1, 8, 6\].*takes \[1, 8, 8\]: write data.resize: true"
    with pytest.raises(DataError, match=message):
        fit_image(noise(0, 8, 6), GRAY, "x")
    image = noise(0, 8, 6)
    got = fit_image(image, frame_for((1, 8, 8), resize=True), "x")
    assert np.array_equal(got[0], np.asarray(image.resize((8, 8), PIL.Resampling.BILINEAR)))


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 0, 8)])
def test_networks_without_images(shape):
    with pytest.raises(DataError, match="channels, height, width"):
        frame_for(shape)


def test_missing_damaged_and_no_image(tmp_path):
    with pytest.raises(DataError, match=r"no image file .*gone\.png"):
        read_image(tmp_path / "gone.png", (1, 8, 8))
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match=r"text\.png cannot be decoded .*unknown format"):
        read_image(tmp_path / "text.png", (1, 8, 8))
    noise(0).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.png cannot be decoded"):
        read_image(tmp_path / "cut.png", (1, 8, 8))


@pytest.mark.parametrize("side", [15, 12])  # Pillow refuses the first, and only warns of the second
def test_huge_images(tmp_path, monkeypatch, side, recwarn):
    noise(0, side, side).save(tmp_path / "huge.png")
    monkeypatch.setattr(PIL, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"huge\.png has more than 100 pixels"):
        read_image(tmp_path / "huge.png", (1, 8, 8))
    assert not recwarn.list


def test_a_message_is_one_line(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError) as caught:
        decode_image(tmp_path / "text.png", GRAY, "x")
    assert "\n" not in str(caught.value)

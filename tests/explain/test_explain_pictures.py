"""What the figures show, read from matplotlib's own objects and from the pixels of PNG files."""

import io

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image

from loopynet import load_spec
from loopynet.explain import merges, overlay
from loopynet.explain.gallery import FilterMaps
from loopynet.explain.pictures import (
    filter_figure,
    map_png,
    merge_figure,
    merge_range,
    overlay_png,
    png,
)
from reference.values import random_input, random_net

IMAGES = torch.rand(2, 3, 6, 5)
MAPS = torch.randn(3, 2, 6, 5)
SHOWN = FilterMaps("conv_2", 7, (1, 2, 3), MAPS)


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) / 255


def panels(figure):
    """Return the axes with pictures, row by row."""
    axes = [a for a in figure.axes if a.images]
    return [a for a in axes if not a.get_label().startswith("<colorbar")]


def test_a_row_for_each_image_and_a_column_for_each_unroll_on_one_scale():
    figure = filter_figure(IMAGES, ["cat", "ship"], SHOWN)
    shown = panels(figure)
    assert len(shown) == 8
    assert [a.get_title() for a in shown[:4]] == ["image", "conv_2@1", "conv_2@2", "conv_2@3"]
    assert [shown[0].get_ylabel(), shown[4].get_ylabel()] == ["cat", "ship"]
    for row in range(2):
        most = SHOWN.reach[row].item()
        for t in range(3):
            image = shown[4 * row + 1 + t].images[0]
            assert image.get_clim() == pytest.approx((-most, most))
            assert image.get_cmap().name == "berlin"
            assert np.allclose(image.get_array(), MAPS[t, row])
    assert pixels(png(figure)).shape[0] > 250
    again = [png(filter_figure(IMAGES, ["cat", "ship"], SHOWN)) for _ in range(2)]
    assert again[0] == again[1]


def test_gray_images():
    figure = filter_figure(IMAGES[:, :1], ["1", "2"], SHOWN)
    assert panels(figure)[0].images[0].get_cmap().name == "gray"


@pytest.mark.parametrize("merge", ["sum", "mul"])
def test_merges_share_their_scale(merge):
    spec = load_spec("cifar10-loopy", ("input.shape=[3, 6, 5]", f"loops.feedback.merge={merge}"))
    net = random_net(spec).eval()
    views = list(merges(net, random_input(net, 2)).values())
    low, high = merge_range(views)
    largest = max(float(v.attention.max()) for v in views)
    assert (low, high) == ((0, 1) if merge == "sum" else (0, largest))
    shown = panels(merge_figure(IMAGES, ["a", "b"], views))
    assert [a.get_title() for a in shown[:3]] == ["image", "feedback@2", "feedback@3"]
    wanted = overlay(IMAGES, views[1].attention, low, high)[1].movedim(0, -1)
    assert np.allclose(shown[5].images[0].get_array(), wanted, atol=1e-6)


def test_single_maps_are_enlarged_and_colored():
    content = pixels(map_png(torch.tensor([[-2.0, 0.0], [1.0, 2.0]]), 2.0))
    assert content.shape == (128, 128, 3)
    colors = mpl.colormaps["berlin"]
    for (y, x), value in (((0, 0), 0.0), ((0, 127), 0.5), ((127, 0), 0.75), ((127, 127), 1.0)):
        assert np.allclose(content[y, x], colors(value)[:3], atol=0.01)
    assert np.allclose(pixels(overlay_png(IMAGES[0]))[0, 0], IMAGES[0, :, 0, 0], atol=0.01)

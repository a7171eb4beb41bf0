"""The published minibatches: windows that move on by one image."""

from itertools import pairwise

import pytest
import torch

from loopynet.data import Batches, Images, Preprocessing
from loopynet.spec import DataSpec


def numbered(count):
    """Images of one pixel; the label is the image's number."""
    pixels = torch.zeros(count, 1, 1, 1, dtype=torch.uint8)
    return Images(pixels, torch.arange(count))


def windows(count, batch, *, shuffle, protocol="published"):
    images = numbered(count)
    preprocessing = Preprocessing.fit(images.pixels, DataSpec(center="none"))
    batches = Batches(images, preprocessing, batch, shuffle=shuffle, protocol=protocol)
    found = [labels.tolist() for _, labels in batches]
    assert len(batches) == len(found)
    assert batches.distinct == len({label for window in found for label in window})
    return found


@pytest.mark.parametrize(("batch", "count", "distinct"), [(5, 4_001, 4_005), (32, 626, 657)])
def test_an_epoch_of_20000_images_has_the_published_windows(batch, count, distinct):
    found = windows(20_000, batch, shuffle=True)
    assert len(found) == count
    assert len({label for window in found for label in window}) == distinct
    assert all(len(window) == batch for window in found)


def test_an_evaluation_of_1000_images_sees_the_first_110():
    found = windows(1_000, 100, shuffle=False)
    assert [window[0] for window in found] == list(range(11))
    assert {label for window in found for label in window} == set(range(110))


def test_windows_move_on_by_one_place_of_the_order():
    found = windows(50, 7, shuffle=True)
    for before, after in pairwise(found):
        assert after[:-1] == before[1:]


def test_a_window_that_would_pass_the_end_is_shorter():
    assert windows(4, 4, shuffle=False) == [[0, 1, 2, 3], [1, 2, 3]]


def test_standard_batches_see_each_image_once():
    found = windows(50, 7, shuffle=True, protocol="standard")
    assert sorted(label for window in found for label in window) == list(range(50))

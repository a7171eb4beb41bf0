"""What the tests of early exit look at."""

import pytest
import torch

from loopynet import LoopyNet
from loopynet.data import Images, Preprocessing
from loopynet.spec import DataSpec
from reference.examples import ONE_LAYER
from reference.strategies import tiny


@pytest.fixture
def parts():
    torch.manual_seed(0)
    net = LoopyNet(tiny(ONE_LAYER)).eval()
    pixels = torch.randint(0, 256, (300, 1, 6, 6), dtype=torch.uint8)
    images = Images(pixels, torch.randint(0, 3, (300,)))
    return net, images, Preprocessing.fit(pixels, DataSpec())

"""Maxout against NumPy."""

import numpy as np
import pytest
import torch

from loopynet.modules.maxout import Maxout


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 3, 4)])
@pytest.mark.parametrize("pieces", [1, 2, 3, 6])
def test_neighbouring_channels_compete(pieces, shape):
    x = torch.randn(shape)
    wanted = np.stack(
        [x.numpy()[:, first : first + pieces].max(1) for first in range(0, 6, pieces)], axis=1
    )
    assert np.array_equal(Maxout(pieces)(x).numpy(), wanted)

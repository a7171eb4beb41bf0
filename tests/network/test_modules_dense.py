"""The dense layer that takes images too."""

import torch

from loopynet.modules.dense import FlatLinear


def test_an_image_is_flattened_with_channels_outermost():
    module = FlatLinear(24, 5)
    x = torch.randn(3, 2, 3, 4)
    rows = [torch.cat([row.reshape(-1) for row in image]) for image in x]
    wanted = torch.stack(rows) @ module.weight.T + module.bias
    assert torch.allclose(module(x), wanted, atol=1e-6)
    assert torch.equal(module(x), module(x.reshape(3, 24)))

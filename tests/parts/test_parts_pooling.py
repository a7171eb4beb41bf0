"""Pooling at the border, against windows that are cut out one by one."""

import pytest
import torch

from loopynet.parts.layers import ConvTranspose2d, Pool2d


def by_hand(mode, x, size, stride):
    """The TensorFlow rule of same padding: the odd position stands at the end."""
    n = x.shape[-1]
    count = -(-n // stride)
    before = max((count - 1) * stride + size - n, 0) // 2
    starts = [i * stride - before for i in range(count)]
    spans = [slice(max(s, 0), min(s + size, n)) for s in starts]
    join = torch.amax if mode == "max" else torch.mean
    rows = [torch.stack([join(x[..., a, b], dim=(-2, -1)) for b in spans], -1) for a in spans]
    return torch.stack(rows, -2)


@pytest.mark.parametrize("mode", ["max", "mean"])
@pytest.mark.parametrize(
    ("n", "size", "stride"),
    [(7, 2, 2), (7, 3, 2), (8, 3, 2), (5, 2, 1), (5, 3, 1), (6, 4, 3), (4, 1, 2)],
)
def test_same_padding(mode, n, size, stride):
    layer = Pool2d(mode=mode, size=size, stride=stride, padding="same")
    layer.check((2, n, n))
    x = torch.randn(3, 2, n, n, dtype=torch.float64) - 5  # padding of zeros would win a maximum
    found = layer.build((2, n, n))(x)
    assert found.shape[1:] == layer.output_shape((2, n, n))
    torch.testing.assert_close(found, by_hand(mode, x, size, stride), rtol=0, atol=1e-12)


def test_a_transposed_convolution_adds_its_bias_everywhere():
    layer = ConvTranspose2d(filters=1, size=2, stride=3, bias_init={"type": "constant", "value": 5})
    out = layer.build((1, 2, 2))(torch.zeros(1, 1, 2, 2))
    assert out.shape == (1, 1, 6, 6)
    assert bool((out == 5).all())

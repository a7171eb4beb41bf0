"""The published splits on the real images."""

import torch
from tiny_data import real

from loopynet.data import Batches, load_data
from loopynet.data.sources import open_source
from loopynet.spec.data import DataSpec


@real("mnist")
def test_mnist():
    source = open_source(DataSpec(name="mnist"))
    assert source.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert source.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    data = load_data(DataSpec(name="mnist", split="published"), (1, 28, 28), 10)
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [40_000, 10_000, 10_000]
    # MNIST's well-known mean and standard deviation over all training images
    scaled = data.train.pixels.double() / 255
    assert abs(scaled.mean() - 0.1307) < 0.002
    assert abs(scaled.std() - 0.3081) < 0.002
    # the digits 0 and 1 are the darkest and the brightest on average: labels belong to images
    brightness = [float(scaled[data.train.labels == digit].mean()) for digit in range(10)]
    assert brightness.index(min(brightness)) == 1
    assert brightness.index(max(brightness)) == 0


@real("cifar10")
def test_cifar10():
    data = load_data(DataSpec(name="cifar10", split="published"), (3, 32, 32), 10)
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [20_000, 1_000, 1_000]
    assert data.class_names[0] == "airplane"
    assert data.preprocessing.mean.shape == (1, 3, 32, 32)
    # the well-known channel means of CIFAR-10
    means = data.preprocessing.mean.mean((0, 2, 3))
    assert torch.allclose(means, torch.tensor([0.4914, 0.4822, 0.4465]), atol=0.005)
    centered = torch.cat([b for b, _ in Batches(data.train, data.preprocessing, 500, shuffle=True)])
    assert centered.mean(0).abs().max() < 1e-5

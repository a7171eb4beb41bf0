import logging
import subprocess
import sys

import datasets
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from tiny_data import noise, png, write_parquet

from loopynet.data import ArrayRows, Source, load_data, register_dataset
from loopynet.data.sources import DATASETS
from loopynet.data.tables import load_quietly
from loopynet.errors import DataError
from loopynet.spec.data import DataSpec


@pytest.fixture
def offline(monkeypatch):
    """No network, and no data folder."""

    def refuse(path, **_):
        raise ConnectionError(f"Couldn't reach {path}\nand a second line")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    monkeypatch.delenv("LOOPYNET_DATA", raising=False)


def test_digits_end_to_end():
    data = load_data(DataSpec(), (1, 8, 8), 10)
    parts = (data.train, data.validation, data.test)
    assert sum(len(part) for part in parts) == 1797
    assert abs(len(data.train) - 0.7 * 1797) < 10
    assert data.class_names == tuple("0123456789")
    assert data.train.pixels.dtype == torch.uint8
    assert data.train.labels.dtype == torch.int64
    # the images and labels are scikit-learn's, each exactly once
    want = load_digits()
    key = {
        (np.rint(image * 255 / 16).astype(np.uint8).tobytes(), int(label))
        for image, label in zip(want.images, want.target, strict=True)
    }
    got = {
        (image.numpy().tobytes(), int(label))
        for part in parts
        for image, label in zip(part.pixels, part.labels, strict=True)
    }
    assert got == key
    assert data.train.pixels.max() == 255
    # statistics come from the training images alone
    assert torch.allclose(data.preprocessing.mean[0], (data.train.pixels / 255).mean(0), atol=1e-6)


def test_provenance_is_plain_and_tells_selections_apart():
    import json

    first, again, other = (
        load_data(DataSpec(split=split), (1, 8, 8), 10).provenance
        for split in ("standard", "standard", {"train": 1000, "seed": 1})
    )
    assert json.loads(json.dumps(first)) == first == again
    assert first["available"] == {"train": 1797, "test": None}
    assert other["split"]["name"] == "counts"
    assert other["split"]["train"] == 1000
    assert first["split"]["sha256"] != other["split"]["sha256"]


def test_digits_for_another_network():
    with pytest.raises(DataError, match=r"of digits has shape \[1, 8, 8\].*\[1, 28, 28\].*resize"):
        load_data(DataSpec(), (1, 28, 28), 10)
    data = load_data(DataSpec(resize=True), (3, 16, 16), 10)
    assert data.test.pixels.shape[1:] == (3, 16, 16)
    with pytest.raises(DataError, match="10 classes, but the network has 5 outputs"):
        load_data(DataSpec(), (1, 8, 8), 5)
    with pytest.raises(DataError, match="no published split"):
        load_data(DataSpec(split="published"), (1, 8, 8), 10)


def test_an_unknown_name(offline):
    with pytest.raises(DataError, match=r'LOOPYNET_DATA is not set.* Did you mean "mnist"\?'):
        load_data(DataSpec(name="minst"), (1, 28, 28), 10)


def test_no_network(offline, monkeypatch, tmp_path):
    message = r'"mnist" was not found \(LOOPYNET_DATA is not set; on the hub, ylecun/mnist'
    with pytest.raises(DataError, match=message) as caught:
        load_data(DataSpec(name="mnist"), (1, 28, 28), 10)
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("LOOPYNET_DATA", str(tmp_path))
    with pytest.raises(DataError, match=f"no folder {tmp_path}/org/set; on the hub, org/set"):
        load_data(DataSpec(name="org/set"), (1, 28, 28), 10)


def test_a_folder_in_the_data_folder(monkeypatch, tmp_path):
    images = [png(noise(number)) for number in range(20)]
    write_parquet(tmp_path / "mnist" / "train.parquet", images, [n % 2 for n in range(20)], None)
    monkeypatch.setenv("LOOPYNET_DATA", str(tmp_path))
    data = load_data(DataSpec(name="MNIST"), (1, 8, 8), 10)
    assert data.provenance["origin"] == "$LOOPYNET_DATA/mnist"
    with pytest.raises(DataError, match='needs 60,000 images from the only set of "mnist"'):
        load_data(DataSpec(name="mnist", split="published"), (1, 8, 8), 10)


def hub_table(columns):
    picture = {"bytes": png(noise(0, mode="RGB")), "path": None}
    values = {"img": [picture] * 20, **columns}
    features = {"img": datasets.Image()}
    for name in columns:
        features[name] = datasets.ClassLabel(num_classes=4)
    return datasets.Dataset.from_dict(values, features=datasets.Features(features))


def test_the_hub_and_its_columns(monkeypatch):
    table = hub_table({"fine_label": [1, 2] * 10, "coarse_label": [0] * 20})
    asked = []

    def load(path, **_):
        asked.append(path)
        return datasets.DatasetDict(train=table, test=table, extra=table)

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.delenv("LOOPYNET_DATA", raising=False)
    data = load_data(DataSpec(name="cifar100"), (3, 8, 8), 100)
    assert set(data.train.labels.tolist()) == {1, 2}
    assert data.provenance["notes"] == ["unused splits: extra"]
    with pytest.raises(DataError, match="several label columns, fine_label, coarse_label"):
        load_data(DataSpec(name="org/set"), (3, 8, 8), 100)
    with pytest.raises(DataError, match=r"row \d+ of the split \"train\" of org/set is a color"):
        load_data(DataSpec(name="org/set", label_key="coarse_label"), (1, 8, 8), 100)
    assert asked == ["uoft-cs/cifar100", "org/set", "org/set"]


def test_of_several_label_columns_the_one_called_label_is_taken(monkeypatch):
    table = hub_table({"coarse": [0] * 20, "label": [3] * 20})
    monkeypatch.setattr(datasets, "load_dataset", lambda _path, **_: {"all": table})
    data = load_data(DataSpec(name="org/set"), (3, 8, 8), None)
    assert set(data.train.labels.tolist()) == {3}
    assert data.provenance["available"]["test"] is None


def test_loading_is_quiet_and_restores_what_was_set(tmp_path, capfd):
    write_parquet(tmp_path / "train.parquet", [png(noise(0))], [0], ["a"])
    before = logging.getLogger("datasets").level
    capfd.readouterr()
    load_quietly("parquet", data_files={"train": [str(tmp_path / "train.parquet")]})
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("datasets").level == before
    assert not datasets.utils.are_progress_bars_disabled()


def test_a_data_set_of_ones_own():
    @register_dataset("two_kinds")
    def two_kinds(spec):
        pixels = np.arange(100, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
        return Source("two_kinds", "made here", ArrayRows(pixels, np.arange(100) % 2, "two_kinds"))

    assert "two_kinds" in DATASETS.names()
    data = load_data(DataSpec(name="two_kinds"), (1, 4, 4), None)
    assert len(data.train) == 70
    assert data.class_names == ("0", "1")


def test_import_of_the_package_does_not_import_data():
    code = "import loopynet, sys; sys.exit('loopynet.data' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

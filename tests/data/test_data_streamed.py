"""Images that stay on the disk are those that would be in memory, in the same order."""

import gzip
import struct
import threading

import numpy as np
import pytest
import torch

from data.tiny_data import noise, png, write_images, write_parquet
from loopynet.data import Batches, Preprocessing, StreamedImages, load_data
from loopynet.data.rows import EncodedRows
from loopynet.errors import DataError
from loopynet.graph import free_memory
from loopynet.spec import DataSpec

SHAPE = (1, 8, 8)


@pytest.fixture
def folder(tmp_path):
    write_images(tmp_path / "set", {"dark": 20, "light": 23})
    return tmp_path / "set"


@pytest.fixture
def table(tmp_path):
    images, labels = [png(noise(i)) for i in range(40)], [i % 3 for i in range(40)]
    write_parquet(tmp_path / "set" / "train.parquet", images, labels, ["a", "b", "c"])
    write_parquet(tmp_path / "set" / "test.parquet", images[:9], labels[:9], ["a", "b", "c"])
    return tmp_path / "set"


def both(name, classes=None, *grid, shape=SHAPE, **options):
    spec = DataSpec(name=str(name), **options)
    streamed = spec.model_copy(update={"streaming": True})
    return [load_data(one, shape, classes, *grid) for one in (spec, streamed)]


def batches(data, **options):
    options = {"shuffle": True, "seed": 3, **options}
    return Batches(data.train, data.preprocessing, 8, **options)


def equal(one, other):
    for (x, labels), (y, others) in zip(one, other, strict=True):
        assert torch.equal(x, y)
        assert torch.equal(labels, others)
    return True


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_every_part_is_the_same(kind, request):
    held, streamed = both(request.getfixturevalue(kind), center="channel", standardize="pixel")
    for part in ("train", "validation", "test"):
        here, there = getattr(held, part), getattr(streamed, part)
        assert isinstance(there, StreamedImages)
        assert len(here) == len(there) > 2
        assert torch.equal(here.pixels, there.pixels)
        assert torch.equal(here.labels, there.labels)
        assert torch.equal(here.first(2).pixels, there.first(2).pixels)
        assert len(there.first(2)) == 2
        assert torch.equal(torch.cat([*here.parts()]), torch.cat([*there.parts()]))
    assert torch.equal(held.preprocessing.mean, streamed.preprocessing.mean)
    assert torch.equal(held.preprocessing.std, streamed.preprocessing.std)
    assert held.provenance == streamed.provenance
    assert held.class_names == streamed.class_names


def test_batches_are_the_same_in_every_epoch_share_and_protocol(folder):
    held, streamed = both(folder)
    for protocol in ("standard", "published"):
        for share in ((0, 1), (0, 3), (2, 3)):
            pair = [batches(d, protocol=protocol, share=share) for d in (held, streamed)]
            for epoch in range(2):
                for one in pair:
                    one.set_epoch(epoch)
                assert equal(*pair)


def test_an_epoch_goes_on_where_it_was_left_and_reads_no_more(folder, monkeypatch):
    held, streamed = both(folder)
    read, real = [], EncodedRows.read

    def count(self, indices, frame):
        read.extend(indices.tolist())
        return real(self, indices, frame)

    monkeypatch.setattr(EncodedRows, "read", count)
    whole, late = [*batches(held)], batches(streamed)
    read.clear()
    late.load_state_dict({"done": 2})
    assert equal(whole[2:], late)
    assert len(read) == len(set(read)) == len(held.train) - 16


def test_the_reader_ends_with_an_epoch_that_is_left(folder):
    _, streamed = both(folder)
    begun = iter(batches(streamed))
    next(begun)
    assert "loopynet-reader" in str(threading.enumerate())
    begun.close()
    assert "loopynet-reader" not in str(threading.enumerate())


def test_a_damaged_image_is_named_when_it_is_read(folder):
    (folder / "dark" / "3.png").write_bytes(b"\x89PNG damaged")
    spec = DataSpec(name=str(folder), streaming=True, split={"train": 42, "test": 1})
    with pytest.raises(DataError, match=r"dark/3\.png cannot be decoded"):
        load_data(spec, SHAPE, 2)
    plain = Preprocessing(1.0, torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    data = load_data(spec, SHAPE, 2, preprocessing=plain)
    with pytest.raises(DataError, match=r"dark/3\.png cannot be decoded"):
        list(batches(data))


def test_label_maps_stay_in_memory_and_their_images_do_not():
    split = {"train": 30, "validation": 5, "test": 10}
    held, streamed = both("scenes", 6, 8, 8, shape=(3, 32, 32), labels="map", split=split)
    assert streamed.train.labels.shape == (30, 8, 8)
    assert torch.equal(held.train.labels, streamed.train.labels)
    assert equal(batches(held), batches(streamed))


def write_idx(folder, opened, suffix=""):
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    for prefix in ("train", "t10k"):
        with opened(folder / f"{prefix}-images-idx3-ubyte{suffix}", "wb") as file:
            file.write(struct.pack(">4B3I", 0, 0, 8, 3, *pixels.shape) + pixels.tobytes())
        with opened(folder / f"{prefix}-labels-idx1-ubyte{suffix}", "wb") as file:
            file.write(struct.pack(">4BI", 0, 0, 8, 1, 30) + bytes(i % 10 for i in range(30)))


def test_idx_files_stream_unless_they_are_compressed(tmp_path):
    write_idx(tmp_path / "plain", open)
    held, streamed = both(tmp_path / "plain", 10)
    assert isinstance(streamed.train.rows.pixels, np.memmap)
    assert equal(batches(held), batches(streamed))
    write_idx(tmp_path / "packed", gzip.open, ".gz")
    with pytest.raises(DataError, match=r"cannot stream: .* unpack them with gunzip"):
        both(tmp_path / "packed", 10)


def test_a_set_beyond_the_memory_is_refused_and_the_way_out_is_said(folder, monkeypatch):
    monkeypatch.setattr(free_memory, "machine_bytes", lambda: 43 * 64 - 1)
    with pytest.raises(DataError, match=r"43 images .* 2\.7 KiB .* data\.streaming: true"):
        load_data(DataSpec(name=str(folder)), SHAPE, 2)
    load_data(DataSpec(name=str(folder), streaming=True), SHAPE, 2)
    monkeypatch.setattr(free_memory, "machine_bytes", lambda: 43 * 64)
    load_data(DataSpec(name=str(folder)), SHAPE, 2)

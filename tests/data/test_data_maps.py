"""Label maps: from a registered set or a table to the network's grid."""

import hashlib
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Features, Image
from PIL import Image as PIL
from tiny_data import noise, png

from loopynet import DataError
from loopynet.data import Batches, Images, Preprocessing, Source, load_data
from loopynet.data.maps import ArrayMaps, on_grid
from loopynet.data.rows import ArrayRows
from loopynet.data.scenes import SCENE_CLASSES, make_scenes
from loopynet.spec import DataSpec

MAP = DataSpec(name="scenes", labels="map", split={"train": 20, "validation": 5, "test": 7})


def test_a_position_takes_the_label_nearest_to_its_middle():
    maps = torch.arange(36).reshape(1, 6, 6)
    assert on_grid(maps, (2, 2)).tolist() == [[[7, 10], [25, 28]]]
    assert torch.equal(on_grid(maps, (6, 6)), maps)
    assert on_grid(maps[:, :2, :2], (4, 4))[0, 0].tolist() == [0, 0, 1, 1]
    pairs = on_grid(torch.arange(4)[None, None].expand(1, 4, 4), (2, 2))
    assert pairs[0, 0].tolist() == [1, 3]


def test_scenes_are_the_same_everywhere():
    pixels, maps = make_scenes(50, seed=3)
    assert pixels.shape == (50, 32, 32, 3)
    assert set(np.unique(maps)) == set(range(len(SCENE_CLASSES)))
    digest = hashlib.sha256(pixels.tobytes() + maps.tobytes()).hexdigest()
    assert digest[:16] == "576365f881903db8"


def test_scenes_load_on_a_grid():
    whole, coarse = load_data(MAP, (3, 32, 32), 6), load_data(MAP, (3, 32, 32), 6, 8, 8)
    assert whole.train.labels.shape == (20, 32, 32)
    assert coarse.train.labels.shape == (20, 8, 8)
    assert torch.equal(coarse.test.labels, whole.test.labels[:, 2::4, 2::4])
    assert coarse.class_names == SCENE_CLASSES
    assert coarse.train.pixels.shape == (20, 3, 32, 32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": "image"}, "has a label for each position: write data.labels: map"),
        ({"name": "digits", "split": "standard"}, "one label for each image and no label maps"),
    ],
)
def test_the_other_kind_of_labels_is_refused(change, said):
    spec = MAP.model_copy(update=change)
    with pytest.raises(DataError, match=said):
        load_data(spec, (1, 8, 8) if "name" in change else (3, 32, 32), 10)


def test_batches_have_torchs_number_where_there_is_no_label():
    images = Images(
        torch.zeros(2, 1, 2, 2, dtype=torch.uint8),
        torch.tensor([[[0, 255], [1, 2]]] * 2, dtype=torch.uint8),
    )
    preprocessing = Preprocessing.fit(images.pixels, DataSpec())
    _, labels = next(iter(Batches(images, preprocessing, 2, shuffle=False)))
    assert labels.dtype == torch.int64
    assert labels[1].tolist() == [[0, -100], [1, 2]]


@pytest.fixture
def with_maps(monkeypatch):
    """Let a data set be one image with this map."""

    def found(cells):
        maps = np.array([cells], np.uint8)
        rows = ArrayRows(np.zeros(maps.shape, np.uint8), np.zeros(1, np.int64), "one")
        both = ArrayMaps(maps, "one")
        source = Source("one", "made", rows, rows, ("a", "b"), train_maps=both, test_maps=both)
        monkeypatch.setattr("loopynet.data.load.open_source", lambda _: source)
        return DataSpec(name="one", labels="map", split={"train": 1})

    return found


def test_wrong_maps_are_named(with_maps):
    spec = with_maps([[0, 1], [2, 255]])
    with pytest.raises(DataError, match=r"row 0 of one has the label 2, but only 0 to 1 and 255"):
        load_data(spec, (1, 2, 2), 2)


def test_a_map_without_labels_is_refused(with_maps):
    spec = with_maps([[255, 255], [255, 255]])
    with pytest.raises(DataError, match="row 0 of one has no labeled position"):
        load_data(spec, (1, 2, 2), 2)


def write(folder, label):
    """Write tables with a column of images and one of maps, as the hub has them."""
    features = Features({"image": Image(), "annotation": Image()})
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for split, count in (("train", 4), ("test", 2)):
        images = [{"bytes": png(noise(i, mode="RGB")), "path": None} for i in range(count)]
        maps = [{"bytes": label(i), "path": None} for i in range(count)]
        columns = {"image": pa.array(images, cell), "annotation": pa.array(maps, cell)}
        table = pa.table(columns).replace_schema_metadata(features.arrow_schema.metadata)
        pq.write_table(table, folder / f"{split}-0.parquet")


def palette(number):
    image = PIL.fromarray(np.full((8, 8), number, np.uint8), mode="P")
    image.putpalette([9, 8, 7] * 256)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_table_may_have_a_column_of_maps(tmp_path):
    write(tmp_path, palette)
    spec = DataSpec(name=str(tmp_path), labels="map", label_key="annotation", split={"train": 4})
    data = load_data(spec, (3, 8, 8), 4, 2, 2)
    assert sorted(data.train.labels[:, 0, 0].tolist()) == [0, 1, 2, 3]
    assert data.test.labels.tolist() == [[[0, 0], [0, 0]], [[1, 1], [1, 1]]]
    assert data.class_names == ("0", "1", "2", "3")
    larger = load_data(spec.model_copy(update={"resize": True}), (3, 16, 16), 4)
    assert torch.equal(larger.test.labels[1], torch.ones(16, 16, dtype=torch.uint8))


def test_colored_maps_are_refused(tmp_path):
    write(tmp_path, lambda i: png(noise(i, mode="RGB")))
    spec = DataSpec(name=str(tmp_path), labels="map", label_key="annotation", split={"train": 4})
    with pytest.raises(DataError, match=r"label map of row .* has the mode RGB"):
        load_data(spec, (3, 8, 8), 4)

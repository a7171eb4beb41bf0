import gzip
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_data import noise, png, write_images, write_parquet

from loopynet.data import load_data
from loopynet.errors import DataError
from loopynet.spec.data import DataSpec, Split

HALF = Split(train=4)


def spec(folder, **options):
    return DataSpec(name=str(folder), **options)


def pixel_set(images):
    return {image.numpy().tobytes() for image in images.pixels}


def tables(folder, count=8, **change):
    """A folder of one training table and one test table; `change` replaces test rows."""
    images = [png(noise(number)) for number in range(count)]
    labels = [number % 2 for number in range(count)]
    write_parquet(folder / "train-00000-of-00001.parquet", images, labels, ["cat", "dog"])
    images, labels = change.get("images", images[:3]), change.get("labels", labels[:3])
    write_parquet(
        folder / "test-00000-of-00001.parquet", images, labels, change.get("names", ["cat", "dog"])
    )
    return folder


def test_parquet_end_to_end(tmp_path):
    data = load_data(spec(tables(tmp_path), split=Split(validation=3)), (1, 8, 8), 2)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [5, 3, 3]
    assert data.class_names == ("cat", "dog")
    want = {np.asarray(noise(number)).tobytes() for number in range(8)}
    assert pixel_set(data.train) | pixel_set(data.validation) == want
    assert np.array_equal(data.test.pixels[1, 0].numpy(), np.asarray(noise(1)))
    assert data.test.labels.tolist() == [0, 1, 0]
    assert data.provenance["origin"] == str(tmp_path)


def test_one_parquet_file_without_a_test_set(tmp_path):
    images = [png(noise(number)) for number in range(40)]
    write_parquet(tmp_path / "all.parquet", images, [n % 2 for n in range(40)], None)
    data = load_data(spec(tmp_path), (1, 8, 8), None)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [28, 6, 6]
    assert data.class_names == ("0", "1")
    parts = (data.train, data.validation, data.test)
    assert len(set.union(*map(pixel_set, parts))) == 40


def test_more_images_than_a_thread_takes_at_a_time(tmp_path):
    images = [noise(number, 2, 2) for number in range(601)]
    labels = [number % 7 for number in range(601)]
    write_parquet(tmp_path / "train.parquet", [png(image) for image in images], labels, None)
    write_parquet(tmp_path / "test.parquet", [png(image) for image in images], labels, None)
    data = load_data(spec(tmp_path), (1, 2, 2), None)
    assert np.array_equal(data.test.pixels[:, 0].numpy(), np.stack(images))
    assert data.test.labels.tolist() == labels


def test_a_column_of_bytes_that_the_user_calls_an_image(tmp_path):
    images = [noise(number) for number in range(20)]
    table = pa.table({"picture": [png(image) for image in images], "digit": list(range(20))})
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(DataError, match="no image column among picture, digit"):
        load_data(spec(tmp_path), (1, 8, 8), None)
    split = Split(train=19, test=1)
    data = load_data(spec(tmp_path, image_key="picture", split=split), (1, 8, 8), None)
    for pixels, label in zip(data.train.pixels, data.train.labels, strict=True):
        assert np.array_equal(pixels[0].numpy(), np.asarray(images[label]))


def test_the_row_of_the_right_file_is_named(tmp_path):
    good = [png(noise(n)) for n in range(3)]
    write_parquet(tmp_path / "train-0.parquet", good, [0, 1, 0], ["a", "b"])
    write_parquet(tmp_path / "train-1.parquet", [good[0], good[1][:40]], [0, 1], ["a", "b"])
    with pytest.raises(DataError, match=r"row 1 of \S*train-1\.parquet cannot be decoded"):
        load_data(spec(tmp_path, split=Split(train=4, test=1)), (1, 8, 8), 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1, None]}, r"row 2 of \S*test\S*parquet has no label \(null\)"),
        ({"labels": [0, -1, 1]}, r"row 1 of \S*test\S*parquet has the label -1"),
        ({"labels": [0, 2, 1]}, r"row 1 of \S*test\S*parquet has the label 2, but only 0 to 1"),
        ({"images": [png(noise(0)), None, png(noise(1))]}, r"row 1 of \S*test\S* has no image"),
        ({"images": [png(noise(0, 9, 8))] * 3}, r"row 0 .*\[1, 9, 8\].*\[1, 8, 8\].*resize: true"),
        ({"images": [png(noise(0, mode="RGB"))] * 3}, r"row 0 .* color image .*3 input channels"),
    ],
)
def test_bad_rows(tmp_path, change, message):
    tables(tmp_path, **change)
    with pytest.raises(DataError, match=message) as caught:
        load_data(spec(tmp_path, split=HALF), (1, 8, 8), 2)
    assert "\n" not in str(caught.value)


def test_bad_rows_that_are_not_selected_do_no_harm(tmp_path):
    tables(tmp_path, labels=[0, 1, None], images=[png(noise(0)), png(noise(1)), b"damaged"])
    data = load_data(spec(tmp_path, split=Split(train=4, test=2)), (1, 8, 8), 2)
    assert len(data.test) == 2


def test_integer_labels_beyond_the_outputs(tmp_path):
    images = [png(noise(number)) for number in range(8)]
    write_parquet(tmp_path / "train.parquet", images, [0, 1, 2, 9, 0, 1, 2, 0], None)
    with pytest.raises(DataError, match=r"row 3 of .* label 9, but only 0 to 2 are the network's"):
        load_data(spec(tmp_path, split=Split(train=7, test=1)), (1, 8, 8), 3)


def test_more_classes_than_outputs(tmp_path):
    with pytest.raises(DataError, match="2 classes, but the network has 1 outputs"):
        load_data(spec(tables(tmp_path), split=HALF), (1, 8, 8), 1)


def test_resize(tmp_path):
    data = load_data(spec(tables(tmp_path), split=HALF, resize=True), (3, 5, 6), 2)
    assert data.train.pixels.shape == (4, 3, 5, 6)


def test_columns(tmp_path):
    tables(tmp_path)
    with pytest.raises(DataError, match=r'no column "img", only image, label: .*image_key'):
        load_data(spec(tmp_path, image_key="img"), (1, 8, 8), 2)
    with pytest.raises(DataError, match=r'the column "image" .* no class labels .*label_key'):
        load_data(spec(tmp_path, label_key="image"), (1, 8, 8), 2)
    named = spec(tmp_path, image_key="image", label_key="label", split=HALF)
    assert len(load_data(named, (1, 8, 8), 2).train) == 4


def test_a_damaged_parquet_file_is_named(tmp_path):
    tables(tmp_path)
    file = tmp_path / "test-00000-of-00001.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"test-00000-of-00001\.parquet is damaged"):
        load_data(spec(tmp_path), (1, 8, 8), 2)
    # the footer is fine, the data before it is not
    file.write_bytes(b"PAR1" + bytes(200) + whole[204:])
    with pytest.raises(DataError, match=r"test-00000-of-00001\.parquet is damaged"):
        load_data(spec(tmp_path), (1, 8, 8), 2)


def test_images_by_class(tmp_path):
    # names that `datasets` would take for patterns, hidden files or splits
    root = tmp_path / ".hidden [1]" / "set"
    write_images(root / "train", {"dog": 4, "test": 3})
    write_images(root / "test", {"dog": 2, "test": 1})
    (root / "train" / "dog" / "notes.txt").write_text("no image")
    data = load_data(spec(root, split=Split()), (1, 8, 8), 2)
    assert data.class_names == ("dog", "test")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [7, 0, 3]
    assert sorted(data.train.labels.tolist()) == [0] * 4 + [1] * 3
    assert data.test.labels.tolist() == [0, 0, 1]
    assert np.array_equal(data.test.pixels[1, 0].numpy(), np.asarray(noise(1)))
    assert data.validation.pixels.shape == (0, 1, 8, 8)


def test_images_by_class_without_a_test_set(tmp_path):
    write_images(tmp_path, {"cat": 20, "test_dog": 20}, mode="RGB")
    data = load_data(spec(tmp_path), (3, 8, 8), 2)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [28, 6, 6]
    assert data.class_names == ("cat", "test_dog")


def test_a_validation_folder_serves_as_the_test_set(tmp_path):
    write_images(tmp_path / "train", {"a": 10, "b": 10})
    write_images(tmp_path / "val", {"a": 2, "b": 2})
    data = load_data(spec(tmp_path), (1, 8, 8), 2)
    assert len(data.test) == 4
    assert data.provenance["notes"] == ['the split "val" serves as the test set']


def test_a_damaged_image_file_is_named(tmp_path):
    write_images(tmp_path / "train", {"a": 4, "b": 4})
    write_images(tmp_path / "test", {"a": 2, "b": 2})
    file = tmp_path / "test" / "b" / "1.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError, match=r"test/b/1\.png cannot be decoded"):
        load_data(spec(tmp_path, split=Split()), (1, 8, 8), 2)
    noise(0, 4, 4).save(file)
    with pytest.raises(DataError, match=r"test/b/1\.png has shape \[1, 4, 4\]"):
        load_data(spec(tmp_path, split=Split()), (1, 8, 8), 2)


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(DataError, match=r"no folder \S*gone"):
        load_data(spec(tmp_path / "gone"), (1, 8, 8), 2)
    with pytest.raises(DataError, match="no Parquet files and no images by class"):
        load_data(spec(tmp_path), (1, 8, 8), 2)


def write_idx(folder, prefix, pixels, labels):
    header = struct.pack(">4B3I", 0, 0, 8, 3, *pixels.shape)
    raw = gzip.compress(header + pixels.tobytes())
    (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(raw)
    header = struct.pack(">4BI", 0, 0, 8, 1, len(labels))
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """A tiny Fashion-MNIST in IDX files where LOOPYNET_DATA says."""
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 4), np.uint8)
    write_idx(folder, "train", pixels, np.arange(30, dtype=np.uint8) % 10)
    write_idx(folder, "t10k", pixels[:5], np.arange(5, dtype=np.uint8))
    monkeypatch.setenv("LOOPYNET_DATA", str(tmp_path))
    return folder, pixels


def test_idx_files(fashion):
    _, pixels = fashion
    data = load_data(DataSpec(name="fashion_mnist"), (1, 4, 4), 10)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [27, 3, 5]
    assert np.array_equal(data.test.pixels[:, 0].numpy(), pixels[:5])
    assert data.test.labels.tolist() == [0, 1, 2, 3, 4]
    assert data.class_names[9] == "Ankle boot"


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"])
def test_damaged_idx_files(fashion, name):
    folder, _ = fashion
    file = folder / name
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(DataError, match=name):
        load_data(DataSpec(name="fashion_mnist"), (1, 4, 4), 10)
    file.unlink()
    with pytest.raises(DataError, match=r"fashion_mnist"):
        load_data(DataSpec(name=str(folder)), (1, 4, 4), 10)


def write_words(file, images, words):
    cells = [{"bytes": png(image), "path": None} for image in images]
    bytes_and_path = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, bytes_and_path), "label": pa.array(words)})
    pq.write_table(table, file)


def test_words_in_a_column_called_label_are_classes(tmp_path):
    images = [noise(n) for n in range(6)]
    write_words(tmp_path / "train.parquet", images, ["dog", "cat", "owl"] * 2)
    write_words(tmp_path / "test.parquet", images, ["owl", "owl", "cat", "dog", "dog", "cat"])
    data = load_data(DataSpec(name=str(tmp_path), split={"train": 6}), (1, 8, 8), 3)
    assert data.class_names == ("cat", "dog", "owl")
    assert data.test.labels.tolist() == [2, 2, 0, 1, 1, 0]
    assert sorted(data.train.labels.tolist()) == [0, 0, 1, 1, 2, 2]


def test_a_word_that_training_does_not_know_is_named_with_its_row(tmp_path):
    images = [noise(n) for n in range(4)]
    write_words(tmp_path / "train.parquet", images, ["dog", "cat"] * 2)
    write_words(tmp_path / "test.parquet", images, ["dog", "cat", "cow", "cat"])
    spec = DataSpec(name=str(tmp_path), split={"train": 4})
    with pytest.raises(
        DataError, match=r"row 2 of .*test\.parquet has the label 2, but only 0 to 1"
    ):
        load_data(spec, (1, 8, 8), 2)

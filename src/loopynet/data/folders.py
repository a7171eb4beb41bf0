"""A data set in a local folder: Parquet files, IDX files, or images in a folder for each class."""

from __future__ import annotations

import bisect
import glob
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet  # type: ignore[import-untyped]

from loopynet.data.idx import compressed, has_idx_files, open_idx
from loopynet.data.rows import Source
from loopynet.data.stored import Stored
from loopynet.data.tables import first_line, load_quietly, open_tables
from loopynet.errors import DataError

_SPLIT_NAME = re.compile(r"(train|test|validation|valid|val)(?![a-zA-Z])")
_IMAGE_SUFFIXES = {
    ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip
_PACKED = "its IDX files are compressed: unpack them with gunzip, or leave data.streaming out"

Files = dict[str, list[Path]]


def open_folder(folder: Path, keys: tuple[str | None, str | None]) -> Source:
    """Open the data set in a folder.

    It may hold Parquet files (`train-*.parquet`, `test-*.parquet`; in `data/` too, as on the hub),
    the four IDX files of MNIST and its relatives, or images as `train/cat/1.png` and
    `test/cat/2.png`, or as `cat/1.png` if there is no official test set.

    Args:
        folder: the folder.
        keys: names of the image and the label column of Parquet files, each found if None.

    Raises:
        DataError: no such folder, nothing in it that is a data set, or a damaged file.
    """
    if not folder.is_dir():
        raise DataError(f"no folder {folder}: check data.name")
    if tables := sorted(folder.glob("*.parquet")) or sorted(folder.glob("data/*.parquet")):
        return _open_parquet(folder, _by_split(tables), keys)
    if has_idx_files(folder):
        train, test = open_idx(folder)
        packed = _PACKED if compressed(folder) else None
        return Source(str(folder), str(folder), train, test, cannot_stream=packed)
    if images := _image_files(folder):
        return _open_images(folder, images, keys)
    raise DataError(
        f"{folder} has no Parquet files and no images by class: give it train-*.parquet files, "
        "or images such as train/cat/1.png or cat/1.png"
    )


def _by_split(tables: list[Path]) -> Files:
    """Group Parquet files by the split that their names begin with; one alone is for training."""
    files: Files = {}
    for table in tables:
        match = _SPLIT_NAME.match(table.name)
        if match is None and len(tables) > 1:
            raise DataError(f'{table} begins with no split name: rename it to "train-..." or such')
        files.setdefault(match.group(1) if match else "train", []).append(table)
    return files


def _open_parquet(folder: Path, files: Files, keys: tuple[str | None, str | None]) -> Source:
    counts = {split: [_row_count(file) for file in part] for split, part in files.items()}
    try:
        splits = _load("parquet", files)
    except DataError as error:
        for file in itertools.chain.from_iterable(files.values()):
            _check_readable(file)
        raise DataError(f"{folder}: {error}") from error

    def name_rows(split: str) -> Callable[[int], str]:
        ends = list(itertools.accumulate(counts[split]))

        def name_row(row: int) -> str:
            number = bisect.bisect_right(ends, row)
            return f"row {row - ends[number] + counts[split][number]} of {files[split][number]}"

        return name_row

    return open_tables(splits, str(folder), keys, name_rows, Stored(folder))


def _open_images(folder: Path, files: Files, keys: tuple[str | None, str | None]) -> Source:
    try:
        splits = _load("imagefolder", files, drop_labels=False)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from error
    return open_tables(
        splits, str(folder), keys, lambda split: lambda row: f"row {row} of {split}", Stored(folder)
    )


def _load(kind: str, files: Files, **options: Any) -> Any:
    # `datasets` takes file names as patterns, so brackets in them must be escaped
    patterns = {split: [glob.escape(str(f)) for f in part] for split, part in files.items()}
    return load_quietly(kind, data_files=patterns, **options)


def _row_count(file: Path) -> int:
    try:
        return int(parquet.read_metadata(file).num_rows)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file} is damaged or no Parquet file ({first_line(error)}): download it again"
        ) from error


def _check_readable(file: Path) -> None:
    """Read a whole Parquet file: this is how the damaged one among several is found."""
    try:
        for _ in parquet.ParquetFile(file).iter_batches():
            pass
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is damaged ({first_line(error)}): download it again") from error


def _image_files(folder: Path) -> Files:
    """Return the images of each split, or all as "train" if the folder has no `train` folder."""
    if not (folder / "train").is_dir():
        found = {"train": list(_images_by_class(folder))}
    else:
        splits = (part for part in _folders(folder) if _SPLIT_NAME.fullmatch(part.name))
        found = {part.name: list(_images_by_class(part)) for part in splits}
    return {split: files for split, files in found.items() if files}


def _images_by_class(folder: Path) -> Iterator[Path]:
    for label in _folders(folder):
        yield from sorted(f for f in label.iterdir() if f.suffix.lower() in _IMAGE_SUFFIXES)


def _folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith((".", "__")))

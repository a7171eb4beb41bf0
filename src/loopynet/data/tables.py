"""Tables of images, opened with Hugging Face `datasets`: Parquet files, folders, the hub."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import datasets
import numpy as np
from huggingface_hub.utils.tqdm import are_progress_bars_disabled as hub_bars_disabled
from huggingface_hub.utils.tqdm import disable_progress_bars as disable_hub_bars
from huggingface_hub.utils.tqdm import enable_progress_bars as enable_hub_bars

from loopynet.data.columns import holds_maps, image_column, is_word, label_column
from loopynet.data.maps import EncodedMaps
from loopynet.data.rows import NO_LABEL, EncodedRows, Labels, Source
from loopynet.data.stored import IN_THE_TABLE, Stored
from loopynet.errors import DataError

RowNamer = Callable[[str], Callable[[int], str]]

_TEST_SPLITS = ("test", "validation", "valid", "val")
_NOISY_LOGGERS = ("datasets", "huggingface_hub")


def open_tables(
    splits: Mapping[str, Any],
    origin: str,
    keys: tuple[str | None, str | None],
    name_rows: RowNamer,
    stored: Stored = IN_THE_TABLE,
) -> Source:
    """Turn the loaded splits of a data set into a source.

    The training set is the split "train", or the only one; the test set is "test" or, if there is
    none, a validation split.

    Args:
        splits: a `datasets.DatasetDict`.
        origin: the folder or hub id.
        keys: names of the image and the label column, each found if None.
        name_rows: for a split's name, a function that names its rows in messages.
        stored: where the paths of images may lead.

    Raises:
        DataError: there is no training split, or a column cannot be found.
    """
    names = list(splits)
    train = names[0] if len(names) == 1 else "train"
    if train not in splits:
        raise DataError(f'{origin} has the splits {", ".join(names)}: rename one to "train"')
    test = next((name for name in _TEST_SPLITS if name in splits and name != train), None)
    features = splits[train].features
    image = image_column(features, keys[0], origin, keys[1])
    label_key = keys[1]
    if label_key is not None and label_key != image and holds_maps(features, label_key):
        return _open_maps(splits, (train, test), origin, (image, label_key), name_rows, stored)
    label = label_column(features, keys[1], origin)
    words = _words(splits[train], label) if is_word(features[label]) else None

    def rows(split: str) -> EncodedRows:
        return _rows(splits[split], image, label, words, name_rows(split), stored)

    return Source(
        name=origin,
        origin=origin,
        train=rows(train),
        test=None if test is None else rows(test),
        class_names=words or _class_names(features[label]),
        notes=_notes(names, train, test),
    )


def _open_maps(
    splits: Mapping[str, Any],
    names: tuple[str, str | None],
    origin: str,
    columns: tuple[str, str],
    name_rows: RowNamer,
    stored: Stored,
) -> Source:
    """Return the source of a table with a column of images and one of label maps."""
    train, test = names
    image, label = columns

    def rows(split: str) -> EncodedRows:
        none = np.zeros(len(splits[split]), np.int64)
        return EncodedRows(_encoded(splits[split], image), none, name_rows(split), stored)

    def maps(split: str) -> EncodedMaps:
        return EncodedMaps(_encoded(splits[split], label), name_rows(split), stored)

    return Source(
        name=origin,
        origin=origin,
        train=rows(train),
        test=None if test is None else rows(test),
        notes=_notes(list(splits), train, test),
        train_maps=maps(train),
        test_maps=None if test is None else maps(test),
    )


def open_hub(hub_id: str, keys: tuple[str | None, str | None]) -> Source:
    """Load a data set of the Hugging Face hub, from its cache if it was loaded before.

    No code of the data set is executed.

    Raises:
        DataError: the hub or the data set cannot be reached or read.
    """

    def name_rows(split: str) -> Callable[[int], str]:
        return lambda row: f'row {row} of the split "{split}" of {hub_id}'

    return open_tables(load_quietly(hub_id), hub_id, keys, name_rows)


def load_quietly(path: str, **options: Any) -> Mapping[str, Any]:
    """Call `datasets.load_dataset` without progress bars and log lines.

    Raises:
        DataError: it failed; the message has the first line of the reason.
    """
    with _quiet():
        try:
            loaded: Mapping[str, Any] = datasets.load_dataset(path, **options)
        # what a network, a cache and a file format can raise is more than one could list
        except Exception as error:
            raise DataError(f"{path} cannot be loaded ({first_line(error)})") from error
    return loaded


def first_line(error: BaseException) -> str:
    """Return the type and the first line of an error's message, or of its cause's."""
    cause = error.__cause__ or error
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0][:200]}" if lines else type(cause).__name__


def _notes(names: list[str], train: str, test: str | None) -> tuple[str, ...]:
    unused = [name for name in names if name not in (train, test)]
    notes = [f"unused splits: {', '.join(unused)}"] if unused else []
    if test not in (None, "test"):
        notes.append(f'the split "{test}" serves as the test set')
    return tuple(notes)


def _words(table: Any, label: str) -> tuple[str, ...]:
    """Return the different words of a label column, sorted: the class names."""
    return tuple(sorted(word for word in set(table.data.column(label).to_pylist()) if word))


def _rows(
    table: Any,
    image: str,
    label: str,
    words: tuple[str, ...] | None,
    name_row: Callable[[int], str],
    stored: Stored,
) -> EncodedRows:
    column = table.data.column(label)
    labels = _labels(column) if words is None else _word_labels(column, words)
    return EncodedRows(_encoded(table, image), labels, name_row, stored)


def _encoded(table: Any, column: str) -> Any:
    """Return the encoded bytes of a column of images, of which only selected rows get decoded."""
    return table.cast_column(column, datasets.Image(decode=False)).data.column(column)


def _word_labels(column: Any, words: tuple[str, ...]) -> Labels:
    """Return the number of each word; one that the training images lack gets the next number."""
    numbers = {word: number for number, word in enumerate(words)} | {None: NO_LABEL, "": NO_LABEL}
    found = [numbers.get(word, len(words)) for word in column.to_pylist()]
    return np.array(found, dtype=np.int64)


def _labels(column: Any) -> Labels:
    labels: Labels = column.cast("int64").fill_null(NO_LABEL).to_numpy().astype(np.int64)
    return labels


def _class_names(feature: Any) -> tuple[str, ...] | None:
    return tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the libraries' progress bars and logs, and restore what the user had."""
    shown = not datasets.utils.are_progress_bars_disabled()
    hub_shown = not hub_bars_disabled()
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    levels = [logger.level for logger in loggers]
    datasets.disable_progress_bars()
    disable_hub_bars()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if shown:
            datasets.enable_progress_bars()
        if hub_shown:
            enable_hub_bars()

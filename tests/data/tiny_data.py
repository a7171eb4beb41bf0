"""Small data sets made on the spot."""

import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, Image, Value
from PIL import Image as PIL

from loopynet.data.sources import DATA_VARIABLE


def noise(seed: int, height: int = 8, width: int = 8, mode: str = "L") -> PIL.Image:
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8)
    return PIL.fromarray(pixels)


def png(image: PIL.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write_parquet(
    file: Path, images: list[bytes | None], labels: list[int | None], names: list[str] | None
) -> None:
    """Write a table as the hub has it; integer labels if there are no names."""
    label = ClassLabel(names=names) if names else Value("int64")
    features = Features({"image": Image(), "label": label})
    cells = [None if image is None else {"bytes": image, "path": None} for image in images]
    columns = {
        "image": pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "label": pa.array(labels, pa.int64()),
    }
    table = pa.table(columns).replace_schema_metadata(features.arrow_schema.metadata)
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)


def write_images(root: Path, classes: dict[str, int], mode: str = "L") -> None:
    """Write `classes[name]` images of noise to root/name/0.png and so on."""
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            noise(number, mode=mode).save(root / name / f"{number}.png")


def real(name: str):
    """Skip, and say why, unless the real data set is there."""
    root = os.environ.get(DATA_VARIABLE)
    there = root is not None and (Path(root) / name).is_dir()
    return pytest.mark.skipif(not there, reason=f"needs the real {name} in ${DATA_VARIABLE}/{name}")

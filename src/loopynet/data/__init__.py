"""Images for training and prediction: found, split, decoded, preprocessed and batched.

Read `load.py` first: it is the way from a `DataSpec` to tensors in a dozen lines.
"""

from loopynet.data.augment import build_augmentation
from loopynet.data.batches import Batches
from loopynet.data.image_data import ImageData, Images
from loopynet.data.images import read_image
from loopynet.data.load import load_data, load_part
from loopynet.data.preprocessing import Preprocessing
from loopynet.data.rows import ArrayRows, Source
from loopynet.data.sources import register_dataset
from loopynet.data.streamed import StreamedImages

__all__ = [
    "ArrayRows",
    "Batches",
    "ImageData",
    "Images",
    "Preprocessing",
    "Source",
    "StreamedImages",
    "build_augmentation",
    "load_data",
    "load_part",
    "read_image",
    "register_dataset",
]

"""Where a table's images are: their bytes in the table, or files in the data set's own folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from loopynet.errors import DataError


@dataclass(frozen=True)
class Stored:
    """Where the paths of a table's images may lead.

    Attributes:
        folder: the data set's folder; None if images are bytes in the table only. A table may
            come from a stranger, and could name any file of this machine.
    """

    folder: Path | None = None

    def file(self, cell: Mapping[str, Any] | None, where: str) -> BinaryIO | Path:
        """Return what to decode an image from.

        Args:
            cell: "bytes" and "path" of the table.
            where: what messages call the image.

        Raises:
            DataError: there is no image, or it is a file outside the folder.
        """
        if cell and cell["bytes"] is not None:
            return BytesIO(cell["bytes"])
        if not cell or not cell["path"]:
            raise DataError(f"{where} has no image: remove the row")
        if self.folder is None:
            raise DataError(f"{where} names a file instead of having its bytes: write them there")
        home, path = os.path.realpath(self.folder), os.path.realpath(cell["path"])
        if not Path(path).is_relative_to(home):
            raise DataError(
                f"{where} leads to a file outside of {self.folder}: put a copy or a hard link there"
            )
        if not Path(path).is_file():
            raise DataError(f"{where} is no plain file: remove it")
        return Path(path)


IN_THE_TABLE = Stored()
"""Of tables that have the bytes of their images."""

"""Open .npz files that may come from a stranger: of limited size, and without pickled objects."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np


class TooLarge(ValueError):
    """A file whose unpacked content is larger than allowed."""


@contextmanager
def open_npz(path: Path, max_bytes: int) -> Iterator[Any]:
    """The arrays of a .npz file, as numpy.load gives them, within the block.

    What zipfile and numpy raise for a damaged or hostile file is not documented: expect any
    Exception, also where an array is read.

    Args:
        path: The file.
        max_bytes: The largest size of its unpacked content, which is checked before it is unpacked.

    Raises:
        TooLarge: It is larger.
    """
    with ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > max_bytes:
        raise TooLarge(f"unpacked, it has {size:,} bytes")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        yield arrays

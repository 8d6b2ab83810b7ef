"""Read the four IDX files of a dataset in the form of MNIST, packed with gzip or not."""

import gzip
import math
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError, one_line
from deepdigits.data.paths.arrays import checked_split
from deepdigits.data.paths.found import MAX_BYTES, Found, Source, with_classes
from deepdigits.data.paths.framing import Framing
from deepdigits.data.registry import Split

_PREFIXES: dict[Split, str] = {"train": "train", "test": "t10k"}
_PARTS = ("images{}idx3-ubyte", "labels{}idx1-ubyte")
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}
_MAX_AXES = 4


def find(path: Path, framing: Framing) -> Source | None:
    """The IDX files in a folder, in its ``raw`` folder or in ``*/raw``; None if there are none.

    Raises:
        InputError: Images or labels are missing, or several folders have such files.
    """
    if not path.is_dir():
        return None
    folders = [path, path / "raw", *sorted(one / "raw" for one in path.iterdir() if one.is_dir())]
    found = {folder: files for folder in folders if (files := _files(folder))}
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(str(folder) for folder in found)
        raise InputError(f"{path} has several datasets: pass one of {names}")
    ((folder, files),) = found.items()
    pairs: dict[Split, tuple[Path, Path]] = {}
    for split, prefix in _PREFIXES.items():
        pair = [files.get((split, part)) for part in _PARTS]
        if split == "train" or any(pair):
            missing = [f"{prefix}-{_PARTS[n].format('-')}" for n in (0, 1) if pair[n] is None]
            if missing:
                raise InputError(f"{folder / missing[0]} is missing: expected it, or it as .gz")
            pairs[split] = cast(tuple[Path, Path], tuple(pair))
    return Source("IDX files", sorted(files.values()), partial(_read, path, framing, pairs))


def _files(folder: Path) -> dict[tuple[Split, str], Path]:
    found = {}
    for split, prefix in _PREFIXES.items():
        for part in _PARTS:
            names = [f"{prefix}-{part.format(dot)}{end}" for end in ("", ".gz") for dot in "-."]
            paths = (folder / name for name in names)
            if (file := next((one for one in paths if one.is_file()), None)) is not None:
                found[split, part] = file
    return found


def _read(path: Path, framing: Framing, pairs: dict[Split, tuple[Path, Path]]) -> Found:
    splits = {
        split: checked_split(read_idx(images), read_idx(labels), str(images), str(labels))
        for split, (images, labels) in pairs.items()
    }
    return with_classes(splits, path, framing)


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an IDX file, packed with gzip if its name ends in .gz.

    Raises:
        InputError: The file is damaged.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _array(cast(IO[bytes], file), path)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        raise InputError(f"{path} is damaged ({what}): copy it again") from error


def _array(file: IO[bytes], path: Path) -> NDArray[Any]:
    zero, kind, axes = struct.unpack(">HBB", file.read(4))
    if zero or kind not in _TYPES or not 1 <= axes <= _MAX_AXES:
        raise InputError(f"{path} is no IDX file: expected two zero bytes, a type and 1 to 4 axes")
    shape = struct.unpack(f">{axes}I", file.read(4 * axes))
    size = math.prod(shape) * np.dtype(_TYPES[kind]).itemsize
    if size > MAX_BYTES:
        raise InputError(f"{path} is too large: its header names {size:,} bytes")
    content = file.read(size + 1)
    if len(content) != size:
        more = "more" if len(content) > size else f"{len(content):,}"
        raise InputError(
            f"{path} is damaged: its header names {size:,} bytes of values, and it has {more}: "
            "copy it again"
        )
    array = np.frombuffer(content, _TYPES[kind]).reshape(shape)
    return array.astype(array.dtype.newbyteorder("="))

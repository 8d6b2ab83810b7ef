"""The prepared copy of a dataset in the data folder: one verified file of uint8 pixels.

Its name is the SHA-256 of its content, so a copy is found by its content too. A second file, whose
name is the SHA-256 of name, size and times of the original files, says which copy is theirs.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdigits.core.errors import InputError
from deepdigits.core.files import atomic_path, write_text
from deepdigits.data.checksums import is_sha256
from deepdigits.data.paths.found import Found
from deepdigits.data.registry import SPLITS

FOLDER = "paths"  # in the data folder
_FORMAT = 1  # of the copies; a new number prepares all datasets again


def key_of(path: Path, files: Sequence[str | Path], skip_damaged: bool) -> str:
    """The SHA-256 of name, size and times of the files of a dataset: it changes if a file does.

    Args:
        path: The dataset.
        files: Its files.
        skip_damaged: Whether damaged images are left out.

    Raises:
        InputError: A file cannot be found.
    """
    sum_ = hashlib.sha256(repr((_FORMAT, os.path.realpath(path), skip_damaged)).encode())
    for file in sorted(os.fspath(one) for one in files):
        try:
            status = os.stat(file)
        except OSError:  # a link to nothing: the reader names it
            status = os.lstat(file)
        times = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        sum_.update(repr((os.fsencode(file), *times)).encode())
    return sum_.hexdigest()


def content_sum(found: Found) -> str:
    """The SHA-256 of the class names, images and labels of a dataset."""
    sum_ = hashlib.sha256(json.dumps(found.classes).encode())
    for split in SPLITS:
        for array in found.splits.get(split, ()):
            sum_.update(repr((split, array.shape)).encode())
            sum_.update(np.ascontiguousarray(array).data)
    return sum_.hexdigest()


def write(found: Found, key: str, folder: Path) -> str:
    """Write the copy of a dataset and the file that leads to it; returns the SHA-256.

    Args:
        found: The dataset.
        key: From `key_of`.
        folder: The folder of the copies, which exists.
    """
    sum_ = content_sum(found)
    arrays: dict[str, Any] = {"classes": np.array(found.classes)}
    for split, (images, labels) in found.splits.items():
        arrays |= {f"{split}_images": images, f"{split}_labels": labels}
    with atomic_path(folder / f"{sum_}.npz") as part, part.open("wb") as file:
        np.savez(file, **arrays)
    content = {"sha256": sum_, "notes": list(found.notes)}
    write_text(folder / f"{key}.json", json.dumps(content, indent=2) + "\n")
    return sum_


def recorded(key: str, folder: Path) -> tuple[str, tuple[str, ...]] | None:
    """The SHA-256 of the copy of a dataset, and its notes; None if there is no complete record."""
    try:
        content = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        sum_, notes = content["sha256"], tuple(map(str, content["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (sum_, notes) if is_sha256(sum_) and (folder / f"{sum_}.npz").is_file() else None


def read(sum_: str, folder: Path) -> Found:
    """The dataset in a copy, verified.

    Raises:
        InputError: The copy is missing or damaged.
    """
    path = folder / f"{sum_}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            classes = tuple(map(str, arrays["classes"]))
            splits = {
                split: (arrays[f"{split}_images"], arrays[f"{split}_labels"])
                for split in SPLITS
                if f"{split}_images" in arrays.files
            }
        found = Found(splits, classes)
        if content_sum(found) != sum_:
            raise ValueError("its content has another SHA-256")
    except Exception as error:  # what numpy raises for a damaged file is not documented
        raise InputError(
            f"{path}, the prepared copy of a dataset, is missing or damaged: delete it and pass "
            "--data.dataset with the path of the dataset again"
        ) from error
    return found

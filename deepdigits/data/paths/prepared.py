"""The prepared copy of a dataset in the data folder: one verified file of uint8 pixels.

Its name is the SHA-256 of its content, so a copy is found by its content too. A second file, whose
name is the SHA-256 of name, size and times of the original files, says which copy is theirs,
what was seen of the original images, and the name of the file of each.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepdigits.core.errors import InputError
from deepdigits.core.files import atomic_path, write_text
from deepdigits.data.checksums import is_sha256
from deepdigits.data.paths.found import Found
from deepdigits.data.paths.framing import Framing
from deepdigits.data.paths.look import Look
from deepdigits.data.registry import SPLITS, Split

FOLDER = "paths"  # in the data folder
_FORMAT = 2  # of the copies; a new number prepares all datasets again


@dataclass(frozen=True)
class Record:
    """What is known of the dataset at a path, beside its copy.

    Attributes:
        sha256: The SHA-256 of its content, which names the copy.
        notes: What the user should know, a sentence each.
        look: What was seen of the original images.
        files: The file of each image in the copy, below the path; None: they have no files.
    """

    sha256: str
    notes: tuple[str, ...]
    look: Look
    files: Mapping[Split, tuple[str, ...]] | None


def key_of(path: Path, files: Sequence[str | Path], skip_damaged: bool, framing: Framing) -> str:
    """The SHA-256 of name, size and times of the files of a dataset: it changes if a file does.

    Args:
        path: The dataset.
        files: Its files.
        skip_damaged: Whether damaged images are left out.
        framing: How images are brought to 28x28.

    Raises:
        InputError: A file cannot be found.
    """
    given = (_FORMAT, os.path.realpath(path), skip_damaged, framing)
    sum_ = hashlib.sha256(repr(given).encode())
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
    content: dict[str, Any] = {"sha256": sum_, "notes": list(found.notes)}
    content["look"] = None if found.look is None else found.look.to_dict()
    content["files"] = None if found.files is None else dict(found.files)
    write_text(folder / f"{key}.json", json.dumps(content, indent=2) + "\n")
    return sum_


def recorded(key: str, folder: Path) -> Record | None:
    """The record of a dataset; None if there is none, it is not whole, or its copy is gone."""
    try:
        content = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        sum_, files = content["sha256"], content["files"]
        names = None if files is None else {one: tuple(map(str, files[one])) for one in files}
        notes = tuple(map(str, content["notes"]))
        record = Record(sum_, notes, Look.from_dict(content["look"]), names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return record if is_sha256(sum_) and (folder / f"{sum_}.npz").is_file() else None


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

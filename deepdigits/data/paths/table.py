"""Read CSV files as Kaggle has them: a row for each image, its label and its 784 pixels."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError
from deepdigits.data.paths.arrays import checked_images
from deepdigits.data.paths.conversion import convert_all
from deepdigits.data.paths.found import Found, Source, with_classes
from deepdigits.data.paths.framing import Framing
from deepdigits.data.paths.location import absolute_path, is_path
from deepdigits.data.paths.look import Look
from deepdigits.data.paths.rows import LABEL, PIXELS, lines, read_rows
from deepdigits.data.registry import SPLITS, Split

_EXPECTED = f"expected the column {LABEL} and {PIXELS} columns of pixels"


def find(path: Path, framing: Framing) -> Source | None:
    """A CSV file, or train.csv and others in a folder; None if there is none."""
    if path.is_file():
        files: dict[Split, Path] = {"train": path} if path.suffix.lower() == ".csv" else {}
    else:
        named = {split: path / f"{split}.csv" for split in SPLITS}
        files = {split: file for split, file in named.items() if file.is_file()}
    if "train" not in files:
        return None
    return Source("CSV", list(files.values()), partial(_read, path, framing, files))


def _read(path: Path, framing: Framing, files: Mapping[Split, Path]) -> Found:
    splits, notes = {}, []
    for split, file in files.items():
        names = header(file)
        if LABEL not in names and split != "train":
            notes.append(f"{file.name} has no column {LABEL}, and is not used")
            continue
        if LABEL not in names or len(names) != PIXELS + 1:
            has = "no" if LABEL not in names else "a"
            only = "; `deepdigits predict` takes it as it is" if len(names) == PIXELS else ""
            raise InputError(
                f"{file} has {has} column {LABEL} and {len(names) - names.count(LABEL)} others: "
                f"{_EXPECTED}{only if LABEL not in names else ''}"
            )
        splits[split] = _labelled(file, names)
    return with_classes(splits, path, framing, notes)


def header(file: Path) -> list[str]:
    """The names of the columns, in lower case.

    Raises:
        InputError: The file is empty, or is no text.
    """
    for _, names in lines(file):
        return [name.strip().lower() for name in names]
    raise InputError(f"{file} is empty: {_EXPECTED}")


def unlabelled_table(dataset: str) -> Path | None:
    """The CSV file at a path, if it has the columns of pixels and no labels; else None."""
    path = Path(absolute_path(dataset))
    if not is_path(dataset) or path.suffix.lower() != ".csv" or not path.is_file():
        return None
    names = header(path)
    return path if len(names) == PIXELS and LABEL not in names else None


def read_unlabelled(file: Path, framing: Framing) -> tuple[NDArray[np.uint8], Look]:
    """The images of a CSV file without labels, uint8 (N, 28, 28), and how they were framed.

    Args:
        file: The file.
        framing: As of DigitsDataModule.

    Raises:
        InputError: A value is wrong; the line and the column are named.
    """
    images = checked_images(read_rows(file, header(file))[0], str(file))
    decoded, look = convert_all({"train": images}, framing, file, skip_damaged=False)
    return decoded["train"].images, look


def _labelled(file: Path, names: list[str]) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    images, labels = read_rows(file, names)
    assert labels is not None
    return checked_images(images, str(file)), labels

"""Read CSV files as Kaggle has them: a row for each image, its label and its 784 pixels.

Another square number of pixels is an image of another size.
"""

import csv
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError, one_line
from deepdigits.data.paths.arrays import MIN_SIDE, checked_images
from deepdigits.data.paths.found import Found, Source, with_classes
from deepdigits.data.paths.framing import Framing
from deepdigits.data.registry import SPLITS, Split
from deepdigits.images.normalization import SIDE

PIXELS = SIDE**2  # or another square number
_LABEL = "label"
_EXPECTED = f"expected the column {_LABEL} and {PIXELS} columns of pixels, or another square number"
_WAY_OUT = "correct the file"


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
        if _LABEL not in names and split != "train":
            notes.append(f"{file.name} has no column {_LABEL}, and is not used")
            continue
        if _LABEL not in names or _side(names) is None:
            has = "no" if _LABEL not in names else "a"
            raise InputError(
                f"{file} has {has} column {_LABEL} and {len(names) - names.count(_LABEL)} others: "
                f"{_EXPECTED}"
            )
        splits[split] = _images_and_labels(file, names)
    return with_classes(splits, path, framing, notes)


def _side(names: list[str]) -> int | None:
    """Width and height of images of as many columns of pixels; None: they make no square."""
    side = math.isqrt(len(names) - 1)
    return side if side**2 == len(names) - 1 and side >= MIN_SIDE else None


def header(file: Path) -> list[str]:
    """The names of the columns, in lower case.

    Raises:
        InputError: The file is empty, or is no text.
    """
    for _, names in _lines(file):
        return [name.strip().lower() for name in names]
    raise InputError(f"{file} is empty: {_EXPECTED}")


def _images_and_labels(file: Path, names: list[str]) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Images, uint8 (N, H, H), and labels (N,), whole numbers or texts."""
    place, texts = names.index(_LABEL), list[str]()

    def keep(text: str) -> int:
        texts.append(text.strip())
        return 0

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns of 0.5 as a whole number
            pixels = np.loadtxt(
                file,
                dtype=np.int16,
                comments=None,
                delimiter=",",
                converters={place: keep},
                skiprows=1,
                ndmin=2,
                encoding="utf-8-sig",
                quotechar='"',
            )
    except (ValueError, OverflowError, Warning) as error:
        raise _explained(file, names, one_line(error, 160)) from error
    if pixels.size and pixels.shape[1] != len(names):
        raise _explained(file, names, f"it has {pixels.shape[1]} columns")
    if pixels.size and not 0 <= pixels.min() <= pixels.max() <= 255:
        raise _explained(file, names, "a pixel is out of range")
    side = math.isqrt(len(names) - 1)
    pixels = np.delete(pixels, place, axis=1).reshape(-1, side, side)
    return checked_images(pixels, str(file)), _labels(file, names, texts)


def _labels(file: Path, names: list[str], texts: list[str]) -> NDArray[Any]:
    numbers = re.compile(r"-?[0-9]{1,9}")
    if all(map(numbers.fullmatch, texts)):
        return np.array(list(map(int, texts)), np.int64)
    if any(not text or _is_fraction(text) for text in texts):
        raise _explained(file, names, "a label is wrong")
    return np.array(texts)


def _is_fraction(text: str) -> bool:
    """Whether a label is a number, and not a whole one.

    >>> _is_fraction("3.0"), _is_fraction("3"), _is_fraction("nan"), _is_fraction("e")
    (True, False, True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return re.fullmatch(r"-?[0-9]+", text) is None


def _explained(file: Path, names: list[str], otherwise: str) -> InputError:
    """The error for the first wrong value of a file, which is read again for it."""
    place = names.index(_LABEL)
    for number, (line, row) in enumerate(_lines(file)):
        if number == 0:
            continue
        if len(row) != len(names):
            return InputError(
                f"{file}, line {line}: {len(row)} values, expected {len(names)}: {_WAY_OUT}"
            )
        for column, value in enumerate(row):
            text = value.strip()
            if column == place:
                what = "a whole number or a name" if not text or _is_fraction(text) else None
            else:
                is_pixel = re.fullmatch(r"[0-9]{1,9}", text) and int(text) <= 255
                what = None if is_pixel else "a whole number from 0 to 255"
            if what is not None:
                return InputError(
                    f"{file}, line {line}, column {names[column]}: {value[:40]!r}, expected "
                    f"{what}: {_WAY_OUT}"
                )
    return InputError(f"{file} cannot be read ({otherwise}): {_WAY_OUT}")


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and values of each row that is not empty."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.reader(opened)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        what = error.strerror if isinstance(error, OSError) else "it is no CSV text"
        raise InputError(f"{file} cannot be read: {what}") from error

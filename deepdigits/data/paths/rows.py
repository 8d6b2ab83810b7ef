"""Read the rows of a CSV file: 784 pixels each, and a label or none."""

import csv
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.csv_files import numbered_rows
from deepdigits.core.errors import InputError, one_line
from deepdigits.models.layers import IMAGE_SIZE

PIXELS = IMAGE_SIZE**2
LABEL = "label"
_WAY_OUT = "correct the file"


def read_rows(file: Path, names: list[str]) -> tuple[NDArray[np.int16], NDArray[Any] | None]:
    """The images in a CSV file, (N, 28, 28), and labels (N,), whole numbers or texts.

    Args:
        file: The file.
        names: Names of its columns: those of 784 pixels, and ``label``; without it there are no
            labels.

    Raises:
        InputError: A value is wrong; the line and the column are named.
    """
    place, texts = names.index(LABEL) if LABEL in names else None, list[str]()

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
                converters=None if place is None else {place: keep},
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
    if place is not None:
        pixels = np.delete(pixels, place, axis=1)
    images = pixels.reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
    return images, None if place is None else _labels(file, names, texts)


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
    place = names.index(LABEL) if LABEL in names else None
    for number, (line, row) in enumerate(lines(file)):
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


def lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and values of each row that is not empty.

    Raises:
        InputError: The file cannot be read, or is no CSV text.
    """
    try:
        yield from numbered_rows(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        what = error.strerror if isinstance(error, OSError) else "it is no CSV text"
        raise InputError(f"{file} cannot be read: {what}") from error

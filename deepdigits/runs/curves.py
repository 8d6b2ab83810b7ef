"""The metrics of each epoch of a training: curves.csv in the run folder."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import atomic_path

CURVES = "curves.csv"


def write_curves(folder: Path, history: Mapping[str, Iterable[tuple[int, float]]]) -> Path:
    """Write curves.csv, whole or not at all: a row for each epoch, a column for each tag.

    The cell of a value that was not measured in an epoch is empty.

    Args:
        folder: The run folder.
        history: Tag -> pairs of epoch and value. Of two values of an epoch the later one is kept.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     history = {"train/loss": [(1, 0.5), (2, 0.25)], "val/loss": [(2, 0.75)]}
    ...     print(write_curves(Path(folder), history).read_text())
    epoch,train/loss,val/loss
    1,0.5,
    2,0.25,0.75
    <BLANKLINE>
    """
    columns = {tag: dict(curve) for tag, curve in history.items()}
    epochs = sorted(set().union(*columns.values()))
    path = folder / CURVES
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", *columns])
        for epoch in epochs:
            writer.writerow([epoch, *(column.get(epoch, "") for column in columns.values())])
    return path


def read_curves(folder: Path) -> dict[str, NDArray[np.float64]]:
    """The columns of curves.csv: tag -> one value for each epoch, nan where not measured.

    Args:
        folder: The run folder.

    Raises:
        InputError: There is no such file, or it is damaged.
    """
    path = folder / CURVES
    if not path.is_file():
        raise InputError(
            f"{folder} has no {CURVES}: no epoch has ended, or it is of deepdigits 0.1"
        )
    try:
        with path.open(newline="", encoding="utf-8") as file:
            tags, *rows = csv.reader(file)
        cells = [[float(cell) if cell else np.nan for cell in row] for row in rows]
        values = np.array(cells, dtype=np.float64).reshape(len(rows), len(tags))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({one_line(error, 100)})") from error
    return dict(zip(tags, values.T, strict=True))

"""The metrics of each epoch of a training: curves.csv in the run folder."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError, one_line

CURVES = "curves.csv"


def read_curves(folder: Path) -> dict[str, NDArray[np.float64]]:
    """The columns of curves.csv: tag -> one value for each epoch, nan where not measured.

    Args:
        folder: The run folder.

    Raises:
        InputError: There is no such file, or it is damaged.
    """
    path = folder / CURVES
    try:
        with path.open(newline="", encoding="utf-8") as file:
            tags, *rows = csv.reader(file)
        cells = [[float(cell) if cell else np.nan for cell in row] for row in rows]
        values = np.array(cells, dtype=np.float64).reshape(len(rows), len(tags))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} has no {CURVES}: its training has not ended, or was of deepdigits 0.1"
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({one_line(error, 100)})") from error
    return dict(zip(tags, values.T, strict=True))

"""Write and read the predictions of a split.

A test writes predictions.npz for `compare`: the labels only, so it is small. ``deepdigits predict``
writes the probabilities of all classes.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepdigits.core.errors import InputError
from deepdigits.core.files import atomic_path
from deepdigits.core.npz_files import open_npz
from deepdigits.core.text import spreadsheet_text

MAX_BYTES = 10_000_000  # unpacked; the largest split of the registry takes a twentieth


@dataclass(frozen=True)
class Predictions:
    """The predictions of a net for the images of a split, in the order of the split.

    Attributes:
        predicted: Predicted labels, uint8 (N,).
        labels: True labels, uint8 (N,).
    """

    predicted: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def of_split(file_name: str, split: str) -> str:
    """Name of a file of a run folder for a split; for the test split it is the plain name.

    >>> of_split("predictions.npz", "test"), of_split("predictions.npz", "val")
    ('predictions.npz', 'predictions-val.npz')
    """
    path = Path(file_name)
    return file_name if split == "test" else f"{path.stem}-{split}{path.suffix}"


def write(folder: Path, split: str, predicted: ArrayLike, labels: ArrayLike) -> Path:
    """Write predictions.npz into a run folder, whole or not at all.

    The same predictions give the same bytes.

    Args:
        folder: The run folder.
        split: The split that was predicted: train, val or test.
        predicted: Predicted labels (N,), in the order of the split; below 256.
        labels: True labels (N,).
    """
    path = folder / of_split("predictions.npz", split)
    _write_arrays(path, predicted=_small(predicted), labels=_small(labels))
    return path


def write_probabilities(
    path: Path,
    probabilities: NDArray[np.float32],
    labels: ArrayLike | None,
    class_names: Sequence[str],
) -> None:
    """Write the class probabilities of each image, whole or not at all; float32 is kept exactly.

    Args:
        path: The output file. A .csv has a row for each image: index, label, predicted, and the
            probability of each class under its name. A .npz has the arrays ``probabilities``
            (N, C), ``predicted`` and ``labels`` (N,), and ``class_names`` (C,).
        probabilities: float32 (N, C), in the order of the split.
        labels: True labels (N,); below 256. None: they are not known, and are left out.
        class_names: Name of each class.
    """
    predicted = _small(probabilities.argmax(axis=1))
    if path.suffix.lower() == ".npz":
        arrays = {"predicted": predicted, "class_names": np.array(class_names)}
        arrays |= {} if labels is None else {"labels": _small(labels)}
        _write_arrays(path, probabilities=probabilities, **arrays)
        return
    columns = {} if labels is None else {"label": _small(labels)}
    columns["predicted"] = predicted
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        head = list(map(spreadsheet_text, class_names))
        writer.writerow(["index", *columns, *head])
        for index, (row, *classes) in enumerate(zip(probabilities, *columns.values(), strict=True)):
            writer.writerow([index, *(head[number] for number in classes), *row])


def write_submission(path: Path, predicted: Sequence[str]) -> None:
    """Write predicted class names as Kaggle expects them, whole or not at all.

    Args:
        path: A .csv file: a row for each image, ImageId from 1, and Label.
        predicted: Name of the predicted class of each image.
    """
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["ImageId", "Label"])
        writer.writerows(enumerate(map(spreadsheet_text, predicted), start=1))


def read(folder: Path, split: str) -> Predictions | None:
    """Read predictions.npz of a split from a run folder; None if there is no such file.

    Raises:
        InputError: The file is damaged, or larger than any split.
    """
    path = folder / of_split("predictions.npz", split)
    if not path.is_file():
        return None
    try:
        with open_npz(path, MAX_BYTES) as arrays:
            found = Predictions(arrays["predicted"], arrays["labels"])
    except Exception as error:  # what numpy raises for a damaged or hostile file is not documented
        raise InputError(f"{path} is damaged: test the run again to write a new one") from error
    whole = all(np.issubdtype(part.dtype, np.integer) for part in (found.predicted, found.labels))
    if not whole or found.predicted.ndim != 1 or found.predicted.shape != found.labels.shape:
        raise InputError(
            f"{path} holds predictions {found.predicted.shape} and labels {found.labels.shape}, "
            "expected two lists of whole numbers of the same length: test the run again"
        )
    return found


def _write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy/numpy#25274


def _small(labels: ArrayLike) -> NDArray[Any]:
    array = np.asarray(labels)
    return array.astype(np.uint8 if array.max(initial=0) < 256 else np.int64)

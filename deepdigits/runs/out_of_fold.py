"""Write and read out_of_fold.npz: the predictions for each image by a net not trained on it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError
from deepdigits.core.files import atomic_path
from deepdigits.core.npz_files import open_npz
from deepdigits.core.text import printable
from deepdigits.data.registry import MAX_NAME

FILE = "out_of_fold.npz"
_MAX_BYTES = 4_000_000_000  # unpacked: 1,000,000 images of 1,000 classes
_NAMES = ("probabilities", "labels", "folds", "places", "sums")


@dataclass(frozen=True)
class OutOfFold:
    """The predictions of the nets of all folds, in the order of the dataset.

    Attributes:
        probabilities: By the net that was not trained on the image, float32 (N, C).
        labels: Labels of the images, int64 (N,).
        folds: Fold of each image, int64 (N,).
        places: Place of each image in the training images of the dataset, int64 (N,): 0 to N - 1,
            unless images were excluded.
        sums: First 16 hexadecimal digits of the SHA-256 of each image, (N,).
        class_names: Name of each class, (C,).
        dataset: Name of the dataset, as reports have it: ``mnist, fold of 5``.
        checkpoints: SHA-256 of the checkpoint of each fold.
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    places: NDArray[np.int64]
    sums: NDArray[np.str_]
    class_names: tuple[str, ...]
    dataset: str
    checkpoints: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """The SHA-256 of all values."""
        texts = (self.class_names, self.dataset, self.checkpoints)
        sum_ = hashlib.sha256(repr(texts).encode())
        for name in _NAMES:
            array = getattr(self, name)
            sum_.update(repr((name, array.dtype.str, array.shape)).encode())
            sum_.update(np.ascontiguousarray(array).data)
        return sum_.hexdigest()


def write(folder: Path, content: OutOfFold) -> Path:
    """Write out_of_fold.npz, whole or not at all; returns its path.

    Args:
        folder: The folder of the runs.
        content: The predictions.
    """
    arrays = {name: getattr(content, name) for name in _NAMES}
    for name in ("class_names", "dataset", "checkpoints", "sha256"):
        arrays[name] = np.array(getattr(content, name))
    path = folder / FILE
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def read(folder: Path) -> OutOfFold | None:
    """Read and verify out_of_fold.npz; None if the folder has no such file.

    Raises:
        InputError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with open_npz(path, _MAX_BYTES) as arrays:
            found = OutOfFold(
                probabilities=arrays["probabilities"],
                labels=arrays["labels"],
                folds=arrays["folds"],
                places=arrays["places"],
                sums=arrays["sums"],
                class_names=tuple(printable(str(one))[:MAX_NAME] for one in arrays["class_names"]),
                dataset=printable(str(arrays["dataset"])),
                checkpoints=tuple(map(str, arrays["checkpoints"])),
            )
            if str(arrays["sha256"]) != found.sha256:
                raise ValueError("its content has another SHA-256")
        _check(found)
    except Exception as error:  # what numpy raises for a damaged or hostile file is not documented
        raise InputError(
            f"{path} is damaged: delete it, and call `deepdigits repeat` with the same arguments "
            "to write it again"
        ) from error
    return found


def _check(found: OutOfFold) -> None:
    """Check shapes and ranges.

    Raises:
        ValueError: One of them is wrong.
    """
    shape = (len(found.labels), len(found.class_names))
    lists = (found.labels, found.folds, found.places)
    fits = found.probabilities.shape == shape and found.probabilities.dtype == np.float32
    fits = fits and all(one.shape == shape[:1] and one.dtype == np.int64 for one in lists)
    fits = fits and found.sums.shape == shape[:1] and len(np.unique(found.places)) == shape[0]
    fits = fits and bool((np.abs(found.probabilities - 0.5) <= 0.501).all())  # no nan
    fits = fits and bool(((found.labels >= 0) & (found.labels < shape[1])).all())
    if not fits:
        raise ValueError("its arrays do not belong together")

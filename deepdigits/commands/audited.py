"""Read what ``deepdigits audit`` judges: labels, and probabilities of nets not trained on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdigits.commands.predict import Prediction, predict
from deepdigits.core.errors import InputError
from deepdigits.data.label_edits import image_sum
from deepdigits.data.registry import Split
from deepdigits.runs import out_of_fold
from deepdigits.runs.bundled import output_folder
from deepdigits.runs.resolve import resolve_run
from deepdigits.runs.run import Run
from deepdigits.runs.training_images import training_images

_FOLDS = "`deepdigits repeat -c CONFIG --folds 5`"
Images = Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True)
class Audited:
    """Labels and out-of-sample probabilities.

    Attributes:
        probabilities: float32 (N, C).
        labels: int64 (N,).
        places: Place of each image in the dataset, int64 (N,).
        sums: First 16 hexadecimal digits of the SHA-256 of each image, (N,).
        class_names: Name of each class.
        dataset: Name of the dataset.
        split: train, val or test.
        folder: Where the results are written.
        images: Reads all images, uint8 (N, 28, 28).
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    places: NDArray[np.int64]
    sums: NDArray[np.str_]
    class_names: tuple[str, ...]
    dataset: str
    split: str
    folder: Path
    images: Images

    @property
    def file_name(self) -> str:
        """Name of the CSV file: audit.csv for the training images, audit-test.csv for a split."""
        return "audit.csv" if self.split == "train" else f"audit-{self.split}.csv"

    def images_at(self, places: NDArray[np.int64], sums: NDArray[np.str_]) -> NDArray[np.uint8]:
        """Images by their places, verified.

        Raises:
            InputError: They cannot be read, or have changed.
        """
        images = self.images()
        is_whole = len(images) == len(self.places)
        chosen = images[np.searchsorted(self.places, places)] if is_whole else images[:0]
        if [image_sum(image) for image in chosen] != sums.tolist():
            raise InputError(f"the images of {self.dataset} have changed since the folds were made")
        return chosen


def read_audited(names: Sequence[str], split: Split | None) -> Audited:
    """Labels and mean probabilities of one run or more.

    Args:
        names: Folders with folds, or runs.
        split: val or test, for runs without folds. None: the training images, with folds.

    Raises:
        InputError: There is no such run, its nets were trained on the split, or images differ.
    """
    if len(set(names)) < len(names):
        raise InputError("a run is named twice: name each run once")
    members = [_read(name, split) for name in names]
    first = members[0]
    for name, member in zip(names, members, strict=True):
        same = member.class_names == first.class_names and all(
            np.array_equal(getattr(member, key), getattr(first, key))
            for key in ("places", "labels", "sums")
        )
        if not same:
            raise InputError(
                f"{name} has other images or labels than {names[0]}: audit one dataset at a time"
            )
    several = np.stack([member.probabilities for member in members])
    return replace(first, probabilities=several.mean(axis=0, dtype=np.float64).astype(np.float32))


def _read(name: str, split: Split | None) -> Audited:
    if (found := out_of_fold.read(Path(name))) is not None:
        if split not in (None, "train"):
            raise InputError(
                f"{name} has the training images of its folds: leave out --split {split}, or name "
                "a run"
            )
        return _of_folds(Path(name), found)
    if any(Path(name).glob("fold_*/config.yaml")):
        raise InputError(
            f"{name} has no {out_of_fold.FILE}: its folds are not finished; call `deepdigits "
            "repeat` with the same arguments again"
        )
    run = resolve_run(name)
    if split is None or split == "train":
        raise InputError(
            f"{name} was trained on the labels of its training images, so it cannot judge them: "
            f"train with {_FOLDS} and audit its folder, or choose --split val or test"
        )
    return _of_prediction(predict(run, split), output_folder(run))


def _of_folds(folder: Path, found: out_of_fold.OutOfFold) -> Audited:
    run = Run(folder / "fold_0")
    return Audited(
        found.probabilities,
        found.labels,
        found.places,
        found.sums,
        found.class_names,
        found.dataset,
        "train",
        folder,
        lambda: training_images(run),
    )


def _of_prediction(found: Prediction, folder: Path) -> Audited:
    return Audited(
        found.probabilities,
        found.known_labels,
        found.places,
        np.array([image_sum(image) for image in found.images]),
        found.class_names,
        found.dataset,
        found.split,
        folder,
        lambda: found.images,
    )

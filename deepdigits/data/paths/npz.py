"""Read a .npz file as Keras or MedMNIST write them; pickled objects are never read."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.npz_files import TooLarge, open_npz
from deepdigits.data.paths.arrays import checked_split
from deepdigits.data.paths.found import MAX_BYTES, Found, Source, with_classes
from deepdigits.data.paths.framing import Framing
from deepdigits.data.registry import SPLITS, Split

_KERAS: dict[Split, tuple[str, str]] = {split: (f"x_{split}", f"y_{split}") for split in SPLITS}
_MEDMNIST: dict[Split, tuple[str, str]] = {
    split: (f"{split}_images", f"{split}_labels") for split in SPLITS
}


def find(path: Path, framing: Framing) -> Source | None:
    """A .npz file; None for another path."""
    if not path.is_file() or path.suffix.lower() != ".npz":
        return None
    return Source(".npz file", [path], partial(_read, path, framing))


def _read(path: Path, framing: Framing) -> Found:
    arrays = _arrays(path)
    keys = next((keys for keys in (_KERAS, _MEDMNIST) if keys["train"][0] in arrays), None)
    if keys is None:
        raise InputError(
            f"{path} has the keys {', '.join(sorted(arrays)) or '(none)'}: expected x_train, "
            "y_train, x_test and y_test, or train_images, train_labels, val_images ..."
        )
    splits = {}
    for split, (of_images, of_labels) in keys.items():
        if split != "train" and of_images not in arrays and of_labels not in arrays:
            continue
        for key in (of_images, of_labels):
            if key not in arrays:
                raise InputError(f"{path} has no key {key}: expected {of_images} and {of_labels}")
        splits[split] = checked_split(
            arrays[of_images], arrays[of_labels], f"{path}: {of_images}", f"{path}: {of_labels}"
        )
    return with_classes(splits, path, framing)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of the known keys."""
    known = {key for keys in (_KERAS, _MEDMNIST) for pair in keys.values() for key in pair}
    try:
        with open_npz(path, MAX_BYTES) as content:
            names: list[str] = content.files
            # Others get no array, but are named in the error.
            return {key: content[key] if key in known else np.empty(0) for key in names}
    except TooLarge as error:
        raise InputError(f"{path} is too large: {error}") from error
    except Exception as error:  # what numpy raises for a damaged or hostile file is not documented
        if "allow_pickle" in str(error):
            raise InputError(
                f"{path} holds pickled Python objects, which are never read: save plain arrays "
                "with numpy.savez"
            ) from error
        raise InputError(f"{path} is damaged ({one_line(error, 160)}): copy it again") from error

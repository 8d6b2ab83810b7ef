"""Tell the path of a dataset from a name, and find the file or folder."""

import os
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.core.suggestions import did_you_mean
from deepdigits.data.registry import DATASETS


def is_path(dataset: str) -> bool:
    """Whether a value of ``data.dataset`` is a path: it has a separator, or there is such a file.

    A name of the catalogue is never a path: for a folder of that name type ``./mnist``.

    >>> is_path("mnist"), is_path("./mnist"), is_path("no_such_file")
    (False, True, False)
    """
    if dataset in DATASETS:
        return False
    has_separator = "/" in dataset or os.sep in dataset
    return has_separator or dataset.startswith("~") or os.path.exists(dataset)


def absolute_path(dataset: str) -> str:
    """The absolute path of a dataset; links stay as they are.

    >>> absolute_path("/data/../photos/")
    '/photos'
    """
    return os.path.abspath(os.path.expanduser(dataset))


def existing_path(dataset: str) -> Path:
    """The file or folder of a dataset.

    Raises:
        InputError: There is none, or it is neither a file nor a folder.
    """
    if not is_path(dataset):
        raise InputError(
            f"dataset {dataset!r} is not one of {', '.join(DATASETS)}, and no file or folder has "
            f"this name{did_you_mean(dataset, [*DATASETS, *_names(Path())])}"
        )
    path = Path(absolute_path(dataset))
    if not os.path.exists(path):
        meant = did_you_mean(path.name, _names(path.parent))
        raise InputError(
            f"dataset {path} does not exist"
            + (meant or f": pass a file or folder, or one of {', '.join(DATASETS)}")
        )
    if not (path.is_file() or path.is_dir()):
        raise InputError(f"dataset {path} is neither a file nor a folder: pass one of them")
    return path


def _names(folder: Path) -> list[str]:
    """The names in a folder; none if it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []

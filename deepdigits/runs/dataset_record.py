"""dataset.json of a run folder: the dataset of a run that was trained on a path.

It has the names of the classes, so a run is described without its dataset; and the SHA-256 of the
content, by which the data folder finds its prepared copy. The path itself is never read for a run:
the folder may come from someone else, and its path may lead to files of the user.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.core.text import printable
from deepdigits.data.checksums import is_sha256
from deepdigits.data.paths.class_names import checked_names
from deepdigits.data.registry import DATASETS
from deepdigits.runs.json_files import read_json, write_json

RECORD = "dataset.json"


@dataclass(frozen=True)
class DatasetRecord:
    """The dataset of a run.

    Attributes:
        path: Its path when the run was trained.
        sha256: The SHA-256 of its content.
        class_names: Name of each class.
    """

    path: str
    sha256: str
    class_names: tuple[str, ...]


def write_record(folder: Path, record: DatasetRecord | None) -> None:
    """Write dataset.json, whole or not at all; None: remove it, for a dataset of the catalogue."""
    if record is None:
        (folder / RECORD).unlink(missing_ok=True)
    else:
        write_json(folder / RECORD, asdict(record))


def read_record(folder: Path, dataset: object) -> DatasetRecord | None:
    """Read dataset.json; None if there is none, or it is of another dataset.

    Args:
        folder: The run folder.
        dataset: The dataset that config.yaml names.

    Raises:
        InputError: The file is damaged.
    """
    if not isinstance(dataset, str) or dataset in DATASETS:
        return None
    content: dict[str, Any] | None = read_json(folder / RECORD)
    if content is None or content.get("path") != printable(dataset):
        return None
    names, sha256 = content.get("class_names"), content.get("sha256")
    if not is_sha256(sha256) or not isinstance(names, list):
        raise InputError(f"{folder / RECORD} is damaged: expected path, sha256 and class_names")
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"{folder / RECORD} is damaged: a class name is no text")
    return DatasetRecord(dataset, str(sha256), checked_names(names, folder / RECORD))

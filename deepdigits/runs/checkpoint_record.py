"""checkpoints.json of a run folder: which of its checkpoints is the best, and which the last.

File names of checkpoints are free, and they may lie outside of the run. So a training records the
paths, relative to the run folder, and all that reads a run follows the record.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.runs.json_files import read_json, write_json

RECORD = "checkpoints.json"
CHECKPOINTS = "checkpoints"  # the folder of the checkpoints in a run folder
SUFFIX = ".ckpt"
LAST = f"last{SUFFIX}"  # the checkpoint to resume from


@dataclass(frozen=True)
class CheckpointRecord:
    """The checkpoints of a run.

    Attributes:
        best: Path of the best checkpoint, relative to the run folder; None: there is none yet.
        last: Path of the checkpoint to resume from; None: there is none.
    """

    best: str | None
    last: str | None


def write_record(folder: Path, record: CheckpointRecord, facts: Mapping[str, Any]) -> None:
    """Write checkpoints.json, whole or not at all.

    Args:
        folder: The run folder.
        record: The checkpoints.
        facts: For the user: by which metric the best was chosen.
    """
    write_json(folder / RECORD, {"best": record.best, "last": record.last, **facts})


def read_record(folder: Path) -> CheckpointRecord | None:
    """Read checkpoints.json; None if the run has none, such as a run of deepdigits 0.1.

    Raises:
        InputError: The file is damaged, or a path in it is not relative or not of a checkpoint.
    """
    content = read_json(folder / RECORD)
    if content is None:
        return None
    return CheckpointRecord(_path(content, "best", folder), _path(content, "last", folder))


def recorded_paths(folder: Path) -> set[str]:
    """The real paths of the checkpoints that a run folder records; errors as for `read_record`."""
    record = read_record(folder)
    paths = () if record is None else (record.best, record.last)
    return {os.path.realpath(folder / path) for path in paths if path}


def _path(content: Mapping[str, Any], name: str, folder: Path) -> str | None:
    path = content.get(name)
    if path is None:
        return None
    if not isinstance(path, str) or PurePath(path).is_absolute() or not path.endswith(SUFFIX):
        raise InputError(
            f"{folder / RECORD} names {str(path)[:80]!r} as the {name} checkpoint, expected a "
            f"relative path that ends in {SUFFIX}: name the checkpoint itself as RUN"
        )
    return path

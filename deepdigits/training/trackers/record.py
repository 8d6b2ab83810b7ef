"""The run of each tracker that a run folder belongs to: trackers.json."""

import re
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.runs.json_files import read_json, write_json

TRACKERS = "trackers.json"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def kept_id(folder: Path, kind: str, position: int) -> str | None:
    """The run of a tracker in which the training of a run folder goes on; None: a new one.

    Args:
        folder: The run folder.
        kind: The class of the logger, by its name.
        position: Its number among the loggers of this class.
    """
    ids = _read(folder).get(kind)
    found = ids[position] if isinstance(ids, list) and position < len(ids) else None
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def keep_id(folder: Path, kind: str, position: int, run_id: str) -> None:
    """Keep the run of a tracker in the run folder."""
    content = _read(folder)
    former = content.get(kind)
    ids: list[Any] = former if isinstance(former, list) else []
    ids += [None] * (position + 1 - len(ids))
    if ids[position] != run_id:
        ids[position] = run_id
        write_json(folder / TRACKERS, {**content, kind: ids})


def forget_ids(folder: Path) -> None:
    """Remove what an earlier run has left in a folder."""
    (folder / TRACKERS).unlink(missing_ok=True)


def _read(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder / TRACKERS) or {}
    except InputError:  # damaged: the tracker gets a new run
        return {}

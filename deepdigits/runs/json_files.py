"""JSON files of a run folder."""

import json
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import write_text
from deepdigits.core.text import printable_values


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, its texts made printable; None if there is no such file.

    Raises:
        InputError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {one_line(error)}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: expected a JSON object")
    printable: dict[str, Any] = printable_values(content)
    return printable


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Write an object to a JSON file, whole or not at all; returns the path."""
    return write_text(path, json.dumps(content, indent=2) + "\n")

"""shift_tta.json of a run folder: below which confidence the net is asked for shifted copies."""

from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.runs.finished import CHECKPOINT_SUM, is_of_other_weights, sha256
from deepdigits.runs.json_files import read_json, write_json

FILE, KEY = "shift_tta.json", "confidence"


def read_confidence(folder: Path, checkpoint: Path) -> float | None:
    """The confidence that was chosen for a checkpoint on the validation digits.

    Args:
        folder: The run folder.
        checkpoint: The checkpoint.

    Returns:
        A number from 0 to 1. None: none was chosen, or for other weights.

    Raises:
        InputError: The file is damaged.
    """
    content = read_json(folder / FILE)
    if content is None or is_of_other_weights(checkpoint, content):
        return None
    value = content.get(KEY)
    if type(value) is not float or not 0 <= value <= 1:
        raise InputError(
            f"{folder / FILE}: {KEY} is {str(value)[:40]!r}, expected a number from 0 to 1; "
            "`deepdigits bench cascade --save` writes it"
        )
    return value


def write_confidence(folder: Path, checkpoint: Path, confidence: float) -> Path:
    """Write the confidence chosen for a checkpoint into its run folder; returns the file."""
    content = {KEY: confidence, CHECKPOINT_SUM: sha256(checkpoint)}
    return write_json(folder / FILE, content)

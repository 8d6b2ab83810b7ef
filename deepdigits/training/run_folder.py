"""Take the folder of a training, so that no other training writes into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from deepdigits.core.locks import LOCK, sole_lock
from deepdigits.runs.links import check_links


@contextmanager
def sole_training(trainer: Trainer, settings: dict[str, Any]) -> Iterator[None]:
    """Hold the run folder of a training within the block.

    Without a version, the folder is a new ``version_N``, made in one step: of two trainings that
    start at once each gets its own. A folder in which nothing was written is removed again.

    Args:
        trainer: The trainer; it gets a logger with the version.
        settings: Arguments of the TensorBoardLogger of the config.

    Raises:
        InputError: Another training is running in the folder, or it cannot be written.
    """
    if trainer.logger is None or not trainer.log_dir or not trainer.is_global_zero:
        yield
        return
    made: list[Path] = []
    if isinstance(trainer.logger, TensorBoardLogger) and settings.get("version") is None:
        parent = Path(trainer.logger.root_dir)
        made = _make(parent)
        folder = _new_version(parent)
        made.append(folder)
        trainer.logger = TensorBoardLogger(**{**settings, "version": folder.name})
    else:
        folder = Path(trainer.log_dir)
        made = _make(folder)
        check_links(folder)
    try:
        with sole_lock(folder):
            yield
    finally:
        _remove_unused(made)


def _make(folder: Path) -> list[Path]:
    """Make a folder; returns those that were made, the outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _new_version(parent: Path) -> Path:
    """Make the folder after the last version_N."""
    numbers = [path.name.removeprefix("version_") for path in parent.glob("version_*")]
    last = max((int(number) for number in numbers if number.isdigit()), default=-1)
    for number in count(last + 1):
        folder = parent / f"version_{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError


def _remove_unused(made: list[Path]) -> None:
    """Remove the folders that were made for a training that has written nothing."""
    for folder in reversed(made):
        if any(path.name != LOCK for path in folder.iterdir()):
            return
        (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()
